using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;

namespace CurateMe.Bench.Load;

/// <summary>Many streams at once, each read chunk by chunk; latency is the time to the first byte.</summary>
static class StreamLoad
{
    /// <summary>What the upstream is asked for; the fast one does not keep to it.</summary>
    public const int EveryMs = 10;

    const int ChunksPerStream = 100;
    const string Body = """{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Write a long answer."}],"max_tokens":100}""";

    public static async Task<Measurement> RunAsync(Target target, int streams, int seconds)
    {
        using var client = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, MaxConnectionsPerServer = streams });
        var chunks = 0L;
        var firsts = new List<double>();
        var before = target.CpuMicroseconds();
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, streams).Select(async _ =>
        {
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                var (first, count) = await OneAsync(client, target);
                Interlocked.Add(ref chunks, count);
                lock (firsts)
                {
                    firsts.Add(first);
                }
            }
        }));
        var elapsed = clock.Elapsed.TotalSeconds;
        var cpu = target.CpuMicroseconds() - before;
        firsts.Sort();
        return new Measurement(chunks / elapsed, firsts[firsts.Count / 2], firsts[firsts.Count * 99 / 100], cpu / chunks, target.ResidentMiB());
    }

    static async Task<(double FirstMs, long Chunks)> OneAsync(HttpMessageInvoker client, Target target)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(target.Address, target.Path)) { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(target.Headers["Authorization"]);
        request.Headers.Add("X-Sim", $"output_tokens={ChunksPerStream};chunk_delay_ms={EveryMs}");
        var started = Stopwatch.GetTimestamp();
        using var answer = await client.SendAsync(request, CancellationToken.None);
        answer.EnsureSuccessStatusCode();
        await using var body = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[8192];
        var first = 0.0;
        var events = 0L;
        for (int read; (read = await body.ReadAsync(buffer)) > 0;)
        {
            first = first == 0 ? Stopwatch.GetElapsedTime(started).TotalMilliseconds : first;
            events += buffer.AsSpan(0, read).Count("data:"u8);
        }
        return (first, events);
    }
}
