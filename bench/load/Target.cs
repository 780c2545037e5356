using System.Diagnostics;
using System.Globalization;

namespace CurateMe.Bench.Load;

/// <summary>A server under measurement, as a process whose CPU and memory the kernel counts.</summary>
sealed class Target(string name, Process process, Uri address, string path) : IDisposable
{
    // USER_HZ is 100 on every Linux .NET runs on.
    const double MicrosecondsPerTick = 1_000_000.0 / 100;

    public string Name { get; } = name;
    public Uri Address { get; } = address;
    public string Path { get; } = path;
    public Dictionary<string, string> Headers { get; } = new() { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer sk-bench" };

    /// <summary>CPU of the process and its children so far, in microseconds.</summary>
    public double CpuMicroseconds() => Pids().Sum(static pid => Ticks(pid)) * MicrosecondsPerTick;

    /// <summary>Resident memory of the process and its children, in MiB.</summary>
    public double ResidentMiB() => Pids().Sum(static pid => Resident(pid)) / 1024.0;

    public void Dispose()
    {
        foreach (var pid in Pids())
        {
            try
            {
                Process.GetProcessById(pid).Kill();
            }
            catch (ArgumentException)
            {
                // It has ended by itself.
            }
        }
        process.Dispose();
    }

    List<int> Pids()
    {
        var children = $"/proc/{process.Id}/task/{process.Id}/children";
        return [process.Id, .. File.Exists(children) ? File.ReadAllText(children).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse) : []];
    }

    static double Ticks(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture);
    }

    static double Resident(int pid) => File.ReadLines($"/proc/{pid}/status").Where(static l => l.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(static l => double.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)).FirstOrDefault();
}
