using System.Net;

namespace CurateMe.Gateway.Simulator;

/// <summary>What the <c>simulate</c> verb was told.</summary>
internal sealed record SimulatorArguments(SimulatorOptions Options, IPAddress Address)
{
    public const int DefaultPort = 9100;

    public static readonly string Usage = $"""
        usage: simulate [--urls http://127.0.0.1:{DefaultPort}] [--bill FILE|none] [--bill-max N] [--fast] [--sim "name=value; ..."] [--<behaviour> VALUE]
        behaviours: {string.Join(", ", BehaviourSyntax.Names.Where(name => name != "bill").Select(name => name.Replace('_', '-')))}
        """;

    /// <exception cref="FormatException">An unknown option, or a wrong value; the message says which.</exception>
    public static SimulatorArguments Parse(string[] args)
    {
        var options = new SimulatorOptions { Port = DefaultPort };
        var address = IPAddress.Loopback;
        for (var i = 0; i < args.Length; i++)
        {
            var name = args[i];
            if (name == "--fast")
            {
                options = options with { Fast = true };
                continue;
            }
            if (!name.StartsWith("--", StringComparison.Ordinal))
                throw new FormatException($"'{name}' is no option");
            var value = i + 1 < args.Length ? args[++i] : throw new FormatException($"{name} wants a value");
            switch (name)
            {
                case "--urls":
                    (address, var port) = Listen(value);
                    options = options with { Port = port };
                    break;
                case "--bill":
                    options = options with { Bill = value };
                    break;
                case "--bill-max":
                    options = options with { MaxBillEntries = int.TryParse(value, out var max) && max > 0 ? max : throw new FormatException("--bill-max is a number above 0") };
                    break;
                case "--sim":
                    options = options with { Behaviour = options.Behaviour.Apply(value) };
                    break;
                default:
                    options = options with { Behaviour = options.Behaviour.Set(name[2..].Replace('-', '_'), value) };
                    break;
            }
        }
        return new SimulatorArguments(options, address);
    }

    static (IPAddress, int) Listen(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme != "http" || uri.PathAndQuery != "/")
            throw new FormatException($"--urls is one http address without a path, not '{url}'");
        if (uri.Host == "localhost")
            return (IPAddress.Loopback, uri.Port);
        return IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) ? (address, uri.Port) : throw new FormatException($"--urls wants an IP address or localhost, not '{uri.Host}'");
    }
}
