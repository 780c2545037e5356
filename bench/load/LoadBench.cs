using System.Globalization;

namespace CurateMe.Bench.Load;

/// <summary>
/// Measures direct → upstream, nginx, the smallest .NET forwarder and the gateway in turn, several rounds in one run, and prints medians
/// and ratios. The machine may be busy and noisy; the ratios of one run are what to quote.
/// </summary>
static class LoadBench
{
    /// <summary>Where in the list of targets the gateway on its embedded stores stands.</summary>
    const int Gateway = 3;

    /// <summary>Each kind of load runs this long before it is measured: the runtime compiles what is used much anew, and that is not what a request costs.</summary>
    const int WarmSeconds = 30;

    public static async Task<int> RunAsync(BenchOptions options)
    {
        if (!options.OnlyStreams)
        {
            await LoadsAsync(options);
        }
        await StreamsAsync(options);
        return 0;
    }

    static async Task LoadsAsync(BenchOptions options)
    {
        await using var servers = new Servers(options);
        var targets = await servers.StartAsync(withShared: true);
        Report("plain requests", "request", await MeasureAsync(targets, options, (t, seconds) => PlainLoad.RunAsync(t, options.Connections, seconds)));
        Report(
            $"{options.Streams} concurrent streams, each as fast as the upstream writes: many chunks come together", "chunk",
            await MeasureAsync(targets, options, (t, seconds) => StreamLoad.RunAsync(t, options.Streams, seconds)));
        await MemoryLoad.ReportAsync(targets[Gateway], options);
    }

    // The upstream takes its time for each chunk here, which the fast one does not.
    static async Task StreamsAsync(BenchOptions options)
    {
        await using var servers = new Servers(options with { Paced = true });
        var targets = await servers.StartAsync();
        Report(
            $"{options.Streams} concurrent streams, a chunk every {StreamLoad.EveryMs} ms", "chunk",
            await MeasureAsync(targets, options, (t, seconds) => StreamLoad.RunAsync(t, options.Streams, seconds)));
        await StreamTiming.ReportAsync(targets, streams: 20, options.Rounds);
        await StreamTiming.ReportMemoryAsync(targets, options.OpenStreams);
    }

    static async Task<List<(string Name, Measurement Median)>> MeasureAsync(IReadOnlyList<Target> targets, BenchOptions options, Func<Target, int, Task<Measurement>> measure)
    {
        foreach (var target in targets)
        {
            await measure(target, WarmSeconds);
        }
        var all = targets.ToDictionary(static t => t.Name, static _ => new List<Measurement>());
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var target in targets)
            {
                all[target.Name].Add(await measure(target, options.Seconds));
            }
        }
        return [.. targets.Select(t => (t.Name, Median(all[t.Name])))];
    }

    static Measurement Median(List<Measurement> m) => new(
        Middle(m.Select(static x => x.PerSecond)), Middle(m.Select(static x => x.P50Ms)), Middle(m.Select(static x => x.P99Ms)),
        Middle(m.Select(static x => x.CpuMicroseconds)), Middle(m.Select(static x => x.ResidentMiB)));

    static double Middle(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }

    static void Report(string title, string unit, List<(string Name, Measurement M)> rows)
    {
        var direct = rows[0].M;
        var nginx = rows[1].M;
        Console.WriteLine($"\n{title}\n| target | {unit}s/s | added p50 ms | added p99 ms | CPU µs/{unit} | CPU ÷ nginx | memory MiB | memory ÷ nginx |\n|---|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var (name, m) in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {m.PerSecond:0} | {m.P50Ms - direct.P50Ms:0.00} | {m.P99Ms - direct.P99Ms:0.00} | {m.CpuMicroseconds:0.0} | {m.CpuMicroseconds / nginx.CpuMicroseconds:0.00} | {m.ResidentMiB:0} | {m.ResidentMiB / nginx.ResidentMiB:0.0} |"));
        }
        var forwarder = rows[2].M;
        var gateway = rows[Gateway].M;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nCPU of the gateway ÷ smallest .NET forwarder: {gateway.CpuMicroseconds / forwarder.CpuMicroseconds:0.00}"));
        if (rows.Count > Gateway + 1)
        {
            var added = rows[Gateway + 1].M.CpuMicroseconds - gateway.CpuMicroseconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Redis in place of memory and MongoDB in place of SQLite add {added:0.0} µs of its CPU"));
        }
    }
}
