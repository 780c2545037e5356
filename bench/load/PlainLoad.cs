using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace CurateMe.Bench.Load;

/// <param name="CpuMicroseconds">CPU of the measured process for one request, or one chunk of a stream.</param>
readonly record struct Measurement(double PerSecond, double P50Ms, double P99Ms, double CpuMicroseconds, double ResidentMiB);

/// <summary>Small plain requests from wrk.</summary>
static partial class PlainLoad
{
    const string Body = """{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You answer briefly."},{"role":"user","content":"Say hello to the finance team."}],"max_tokens":16}""";

    public static async Task<Measurement> RunAsync(Target target, int connections, int seconds)
    {
        var script = Path.GetTempFileName();
        var headers = string.Join('\n', target.Headers.Select(static h => $"wrk.headers[\"{h.Key}\"] = \"{h.Value}\""));
        await File.WriteAllTextAsync(script, $"wrk.method = \"POST\"\nwrk.body = [[{Body}]]\n{headers}\n");
        var before = target.CpuMicroseconds();
        using var wrk = Process.Start(new ProcessStartInfo("wrk", ["-t1", $"-c{connections}", $"-d{seconds}s", "--latency", "-s", script, new Uri(target.Address, target.Path).ToString()])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        var text = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        var cpu = target.CpuMicroseconds() - before;
        File.Delete(script);
        if (text.Contains("Non-2xx", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{target.Name} refused requests:\n{text}");
        }
        var requests = Number(text, RequestsPattern());
        return new Measurement(Number(text, RatePattern()), Latency(text, "50%"), Latency(text, "99%"), cpu / requests, target.ResidentMiB());
    }

    static double Number(string text, Regex pattern) => double.Parse(pattern.Match(text).Groups[1].Value, CultureInfo.InvariantCulture);

    static double Latency(string text, string percentile)
    {
        var match = Regex.Match(text, Regex.Escape(percentile) + @"\s+([\d.]+)(us|ms|s)");
        var value = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return match.Groups[2].Value switch { "us" => value / 1000, "ms" => value, _ => value * 1000 };
    }

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex RequestsPattern();

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex RatePattern();
}
