using System.Buffers;
using System.Globalization;

namespace CurateMe.Resp;

/// <summary>A host name or IP address (IPv6 without brackets) and a port.</summary>
public readonly record struct RespAddress(string Host, int Port)
{
    public const int DefaultPort = 6379;

    public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>Reads <c>host</c>, <c>host:port</c>, <c>[v6]:port</c>.</summary>
    internal static bool TryParse(string text, out RespAddress address)
    {
        address = default;
        var (host, port) = (text, "");
        if (text.StartsWith('['))
        {
            var close = text.IndexOf(']');
            if (close < 0 || (close + 1 < text.Length && text[close + 1] != ':'))
                return false;
            (host, port) = (text[1..close], close + 1 < text.Length ? text[(close + 2)..] : DefaultText);
        }
        else if (text.LastIndexOf(':') is var colon and >= 0)
        {
            (host, port) = (text[..colon], text[(colon + 1)..]);
        }
        else
        {
            port = DefaultText;
        }
        if (host.Length == 0 || host.AsSpan().ContainsAny(NotInHosts) || !int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 1 or > 65535)
            return false;
        address = new(host, number);
        return true;
    }

    private static readonly SearchValues<char> NotInHosts = SearchValues.Create(" \t/@?#[]");

    private const string DefaultText = "6379";
}
