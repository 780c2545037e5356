using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace CurateMe.Bench.Load;

/// <summary>
/// What a hop adds to a stream's first byte and to each of its chunks, with few streams so that nothing waits for the CPU, and what many open streams
/// cost in memory. The upstream writes a chunk every <see cref="EveryMs"/>; how late each comes is compared with the same chunk when there is no hop.
/// </summary>
static class StreamTiming
{
    const int Chunks = 50;
    const int EveryMs = 20;

    // Long enough that all streams are open at once.
    const int OpenChunks = 30;

    /// <summary>Milliseconds from the request to each chunk, one list a stream.</summary>
    sealed record Timed(List<double> First, List<double>[] ByChunk);

    public static async Task ReportAsync(IReadOnlyList<Target> targets, int streams, int rounds)
    {
        var all = targets.ToDictionary(static t => t.Name, static _ => new Timed([], [.. Enumerable.Range(0, Chunks).Select(static _ => new List<double>())]));
        foreach (var target in targets.Concat(targets))
        {
            await RunAsync(target, streams, into: null);
        }
        for (var round = 0; round < rounds; round++)
        {
            foreach (var target in targets)
            {
                await RunAsync(target, streams, all[target.Name]);
            }
        }
        var direct = all[targets[0].Name];
        Console.WriteLine($"\n{streams} streams, a chunk every {EveryMs} ms\n| target | added to the first byte p50 ms | p99 ms | added to a chunk p50 ms | p99 ms |\n|---|--:|--:|--:|--:|");
        foreach (var target in targets)
        {
            var timed = all[target.Name];
            var added = Enumerable.Range(0, Chunks).SelectMany(i => timed.ByChunk[i].Select(at => at - At(direct.ByChunk[i], 0.5))).ToList();
            var noise = Enumerable.Range(0, Chunks).SelectMany(i => direct.ByChunk[i].Select(at => at - At(direct.ByChunk[i], 0.5))).ToList();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {target.Name} | {At(timed.First, 0.5) - At(direct.First, 0.5):0.00} | {At(timed.First, 0.99) - At(direct.First, 0.99):0.00} | {At(added, 0.5):0.00} | {At(added, 0.99) - At(noise, 0.99):0.00} |"));
        }
    }

    /// <summary>Resident memory with this many streams open at once, beside the same server's with none.</summary>
    public static async Task ReportMemoryAsync(IReadOnlyList<Target> targets, int streams)
    {
        Console.WriteLine($"\n{streams} streams open at once\n| target | idle MiB | at the peak MiB | KiB a stream | streams that came whole |\n|---|--:|--:|--:|--:|");
        foreach (var target in targets)
        {
            var idle = target.ResidentMiB();
            var peak = idle;
            var (whole, failed, done) = (0, 0, false);
            var watching = Task.Run(async () =>
            {
                while (!Volatile.Read(ref done))
                {
                    peak = Math.Max(peak, target.ResidentMiB());
                    await Task.Delay(50);
                }
            });
            using var client = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, MaxConnectionsPerServer = streams });
            await Task.WhenAll(Enumerable.Range(0, streams).Select(async i =>
            {
                // One a millisecond: no server takes thousands of new connections in one instant.
                await Task.Delay(i);
                try
                {
                    if (await OneAsync(client, target, $"output_tokens={OpenChunks};chunk_delay_ms=500", static (_, _) => { }) >= OpenChunks)
                    {
                        Interlocked.Increment(ref whole);
                    }
                }
                catch (HttpRequestException e)
                {
                    if (Interlocked.Increment(ref failed) == 1)
                    {
                        await Console.Error.WriteLineAsync($"{target.Name}: {e.InnerException?.Message ?? e.Message}");
                    }
                }
            }));
            Volatile.Write(ref done, true);
            await watching;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {target.Name} | {idle:0} | {peak:0} | {(peak - idle) * 1024 / streams:0.0} | {whole} |"));
        }
    }

    static async Task RunAsync(Target target, int streams, Timed? into)
    {
        using var client = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, MaxConnectionsPerServer = streams });
        await Task.WhenAll(Enumerable.Range(0, streams).Select(async _ =>
        {
            var times = new double[Chunks];
            await OneAsync(client, target, $"output_tokens={Chunks};chunk_delay_ms={EveryMs}", (index, at) =>
            {
                if (index < Chunks)
                {
                    times[index] = at;
                }
            });
            if (into is null)
            {
                return;
            }
            lock (into)
            {
                into.First.Add(times[0]);
                for (var i = 0; i < Chunks; i++)
                {
                    into.ByChunk[i].Add(times[i]);
                }
            }
        }));
    }

    // Events that came; what several bring in one read came at the same time.
    static async Task<int> OneAsync(HttpMessageInvoker client, Target target, string behaviour, Action<int, double> came)
    {
        const string Body = """{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Write a long answer."}],"max_tokens":100}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(target.Address, target.Path)) { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(target.Headers["Authorization"]);
        request.Headers.Add("X-Sim", behaviour);
        var started = Stopwatch.GetTimestamp();
        using var answer = await client.SendAsync(request, CancellationToken.None);
        answer.EnsureSuccessStatusCode();
        await using var body = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[8192];
        var events = 0;
        for (int read; (read = await body.ReadAsync(buffer)) > 0;)
        {
            var at = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            for (var more = buffer.AsSpan(0, read).Count("data:"u8); more > 0; more--)
            {
                came(events++, at);
            }
        }
        return events;
    }

    static double At(List<double> values, double share)
    {
        var sorted = values.Order().ToList();
        return sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];
    }
}
