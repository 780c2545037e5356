using System.Diagnostics;
using CurateMe.Resp;

namespace CurateMe.Bench.Resp;

internal readonly record struct Load(double Rate, double CpuMicroseconds, double Bytes);

/// <summary>Each caller sends two scripts at once and awaits both, as admission and settlement do under load.</summary>
internal static class LoadRunner
{
    private static readonly RespWords Keys = new([.. Enumerable.Range(0, HoldScript.Keys).Select(static i => (RespArg)HoldScript.Key(i))]);
    private const long Limit = 1_000_000_000_000;

    public static async Task<Load> RunAsync(RespClient client, int callers, int pairs)
    {
        using var process = Process.GetCurrentProcess();
        var left = pairs;
        process.Refresh();
        var (cpu, bytes, clock) = (process.TotalProcessorTime, GC.GetTotalAllocatedBytes(true), Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var first = Hold(client);
                var second = Hold(client);
                Check(await first);
                Check(await second);
            }
        })));
        clock.Stop();
        process.Refresh();
        var commands = 2.0 * pairs;
        return new(commands / clock.Elapsed.TotalSeconds, (process.TotalProcessorTime - cpu).TotalMicroseconds / commands, (GC.GetTotalAllocatedBytes(true) - bytes) / commands);
    }

    private static ValueTask<RespReply> Hold(RespClient client) => client.EvalAsync(HoldScript.Script,
        Keys, [Limit, Limit, Limit, Limit, Limit, Limit, Limit, Limit, Limit, Limit], more: null, inline: true);

    private static void Check(in RespReply reply)
    {
        if (reply[0].AsInt64() != 1)
            throw new InvalidOperationException("The script refused.");
    }
}
