using System.Globalization;

namespace CurateMe.Bench.Load;

/// <summary>What <c>bench/load/run</c> takes.</summary>
/// <param name="Gateway">The built gateway's dll.</param>
/// <param name="Seconds">Length of one measurement.</param>
/// <param name="Rounds">How often every target is measured, in turn.</param>
/// <param name="Connections">Connections of the plain load.</param>
/// <param name="Streams">Streams at once.</param>
sealed record BenchOptions(string Gateway, int Seconds, int Rounds, int Connections, int Streams)
{
    public static BenchOptions Parse(string[] args)
    {
        string Value(string name, string standard) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : standard;
        int Number(string name, int standard) => int.Parse(Value(name, standard.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
        return new BenchOptions(
            Value("--gateway", Path.Combine(AppContext.BaseDirectory, "..", "..", "CurateMe.Gateway", "release", "CurateMe.Gateway.dll")),
            Number("--seconds", 5), Number("--rounds", 3), Number("--connections", 64), Number("--streams", 200));
    }
}
