using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using CurateMe.Testing;

namespace CurateMe.Gateway.Tests.Acceptance.Processes;

/// <summary>The real executable in a process of its own, as gateway or as simulator.</summary>
sealed partial class GatewayProcess : IAsyncDisposable
{
    readonly Process process;
    readonly ConcurrentQueue<string> lines;

    GatewayProcess(Process process, ConcurrentQueue<string> lines, Uri address)
    {
        this.process = process;
        this.lines = lines;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary>All that it printed.</summary>
    public string Output => string.Join('\n', lines);

    /// <summary>Starts it and waits until it says where it listens.</summary>
    public static async Task<GatewayProcess> StartAsync(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var lines = new ConcurrentQueue<string>();
        var process = Launch(arguments, environment, lines);
        Uri? address = null;
        await Poll.UntilAsync(
            () =>
            {
                var line = lines.FirstOrDefault(static l => Listening().IsMatch(l));
                address = line is null ? null : new Uri(Listening().Match(line).Groups[1].Value);
                return address is not null || process.HasExited;
            },
            "the process listens");
        return address is not null ? new GatewayProcess(process, lines, address) : throw new InvalidOperationException("The process ended: " + string.Join('\n', lines));
    }

    /// <summary>Starts it and waits until it ends by itself.</summary>
    /// <returns>The exit code, and all that it printed.</returns>
    public static async Task<(int ExitCode, string Output)> EndAsync(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var lines = new ConcurrentQueue<string>();
        await using var ended = new GatewayProcess(Launch(arguments, environment, lines), lines, new Uri("http://nowhere"));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        await ended.process.WaitForExitAsync(limit.Token);
        return (ended.process.ExitCode, ended.Output);
    }

    static Process Launch(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment, ConcurrentQueue<string> lines)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.ArgumentList.Add(Assembly());
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        // What a test run is told of stores is not meant for a process on the embedded default.
        start.Environment.Remove("REDIS_URL");
        start.Environment.Remove("MONGODB_URL");
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }
        var process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        process.OutputDataReceived += (_, e) => lines.Enqueue(e.Data ?? "");
        process.ErrorDataReceived += (_, e) => lines.Enqueue(e.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, then waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            await KillAsync();
        }
        process.Dispose();
    }

    // Beside the tests, as the build lays them out: artifacts/bin/PROJECT/CONFIGURATION.
    static string Assembly()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        return Path.Combine(here.Parent!.Parent!.FullName, "CurateMe.Gateway", here.Name, "CurateMe.Gateway.dll");
    }

    [GeneratedRegex(@"listening\s+(?:on )?(http://[0-9.]+:[0-9]+)")]
    private static partial Regex Listening();
}
