using System.Diagnostics;
using System.Globalization;

namespace CurateMe.Bench.Resp;

internal static class PeerRunner
{
    public static async Task<double> RunAsync(int port, int callers, int commands)
    {
        var start = new ProcessStartInfo("redis-benchmark") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        // Two commands in flight per connection, as each caller has here.
        foreach (var word in (string[])["-p", $"{port}", "-c", $"{callers}", "-n", $"{commands}", "-P", "2", "--csv", "EVALSHA", HoldScript.Script.Sha, $"{HoldScript.Keys}"])
            start.ArgumentList.Add(word);
        for (var i = 0; i < HoldScript.Keys; i++)
            start.ArgumentList.Add(HoldScript.Key(i));
        for (var i = 0; i < HoldScript.Args; i++)
            start.ArgumentList.Add("1000000000000");
        using var process = Process.Start(start) ?? throw new InvalidOperationException("redis-benchmark was not started.");
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        // "command","rps",... then the row; the command may hold commas but no quotes.
        var row = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1].Split("\",\"");
        return row.Length > 1 && double.TryParse(row[1], CultureInfo.InvariantCulture, out var rate) ? rate : throw new InvalidOperationException($"redis-benchmark: {output} {await errors}");
    }
}
