using System.Buffers.Text;
using System.Text.Json;

namespace CurateMe.Gateway.Proxy;

/// <summary>JSON tokens that are written into bodies.</summary>
static class JsonText
{
    /// <summary>
    /// Whether an escape stands for half a character (<c>\ud800</c> alone). JSON's grammar lets it pass, no UTF-8 can say it, and readers differ in
    /// what they make of it. Of text that is not JSON the answer means nothing.
    /// </summary>
    public static bool HasLoneSurrogate(ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("\\ud"u8) < 0 && json.IndexOf("\\uD"u8) < 0)
        {
            return false;
        }
        for (var wantsLow = false; ;)
        {
            var at = json.IndexOf((byte)'\\');
            if (wantsLow && at != 0)
            {
                return true;
            }
            if (at < 0 || at + 1 >= json.Length)
            {
                return false;
            }
            json = json[at..];
            var isUnit = json[1] == (byte)'u' && json.Length >= 6;
            var unit = isUnit && Utf8Parser.TryParse(json.Slice(2, 4), out ushort value, out var digits, 'x') && digits == 4 ? (char)value : '\0';
            if (char.IsLowSurrogate(unit) != wantsLow)
            {
                return true;
            }
            wantsLow = char.IsHighSurrogate(unit);
            json = json[(isUnit ? 6 : 2)..];
        }
    }

    /// <summary>A JSON string, quotes included.</summary>
    public static byte[] Quote(string value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStringValue(value);
        }
        return stream.ToArray();
    }
}
