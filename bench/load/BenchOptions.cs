using System.Globalization;

namespace CurateMe.Bench.Load;

/// <summary>What <c>bench/load/run</c> takes.</summary>
/// <param name="Gateway">The built gateway's dll.</param>
/// <param name="Seconds">Length of one measurement.</param>
/// <param name="Rounds">How often every target is measured, in turn.</param>
/// <param name="Connections">Connections of the plain load.</param>
/// <param name="Streams">Streams at once.</param>
/// <param name="OpenStreams">Streams open at once while memory is measured.</param>
/// <param name="OnlyStreams">Leave out the loads: only what a stream's bytes wait for, and memory.</param>
/// <param name="MemoryRequests">Requests under which the gateway's memory is watched; 0 leaves it out.</param>
sealed record BenchOptions(string Gateway, int Seconds, int Rounds, int Connections, int Streams, int OpenStreams, bool OnlyStreams, int MemoryRequests)
{
    /// <summary>The upstream writes each chunk at its time, instead of answering as fast as it can.</summary>
    public bool Paced { get; init; }

    public static BenchOptions Parse(string[] args)
    {
        string Value(string name, string standard) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : standard;
        int Number(string name, int standard) => int.Parse(Value(name, standard.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
        return new BenchOptions(
            Value("--gateway", Path.Combine(AppContext.BaseDirectory, "..", "..", "CurateMe.Gateway", "release", "CurateMe.Gateway.dll")),
            Number("--seconds", 5), Number("--rounds", 3), Number("--connections", 64), Number("--streams", 200), Number("--open-streams", 2_000),
            args.Contains("--only-streams", StringComparer.Ordinal), Number("--memory-requests", 0));
    }
}
