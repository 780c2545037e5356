using System.Globalization;

namespace CurateMe.Bench.Load;

/// <summary>Resident memory of the gateway while it answers a great many requests: it must not grow with their number.</summary>
static class MemoryLoad
{
    public static async Task ReportAsync(Target target, BenchOptions options)
    {
        if (options.MemoryRequests == 0)
        {
            return;
        }
        Console.WriteLine($"\nmemory of {target.Name} under load\n| requests | resident MiB |\n|--:|--:|");
        for (var done = 0L; done < options.MemoryRequests;)
        {
            const int Seconds = 10;
            var measured = await PlainLoad.RunAsync(target, options.Connections, Seconds);
            done += (long)(measured.PerSecond * Seconds);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {done} | {measured.ResidentMiB:0} |"));
        }
    }
}
