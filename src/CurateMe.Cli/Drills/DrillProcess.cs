using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;

namespace CurateMe.Cli.Drills;

/// <summary>A server of a drill, ended by its process id, also when the drill's own process ends.</summary>
sealed class DrillProcess : IAsyncDisposable
{
    const int MaxLines = 2_000;

    static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(1);

    readonly Process _process;
    readonly ConcurrentQueue<string> _lines = new();

    DrillProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        AppDomain.CurrentDomain.ProcessExit += OnExit;
    }

    public bool HasExited => _process.HasExited;

    /// <summary>The last lines that it printed.</summary>
    public string Output => string.Join('\n', _lines);

    public static DrillProcess Start(string program, IReadOnlyList<string> arguments, string directory, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = directory };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        try
        {
            return new DrillProcess(Process.Start(start) ?? throw new CannotAskException($"{program} did not start."));
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new CannotAskException($"{program} cannot be started: {e.Message}");
        }
    }

    /// <summary>Waits until it takes connections.</summary>
    public async Task ListensAsync(int port)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await TakesAsync(port))
        {
            // Ended, so what may listen on the port some time is another server.
            if (_process.HasExited || TimeProvider.System.GetElapsedTime(started) >= StartLimit)
            {
                throw new DrillException($"{_process.StartInfo.FileName} does not listen on port {port}: {Output}");
            }
            await Task.Delay(20);
        }
    }

    async Task<bool> TakesAsync(int port)
    {
        try
        {
            using var probe = new TcpClient();
            await probe.ConnectAsync("127.0.0.1", port);
            return !_process.HasExited;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>SIGTERM, then waits for the end.</summary>
    public async Task StopAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await kill.WaitForExitAsync();
        using var limit = new CancellationTokenSource(StartLimit);
        await _process.WaitForExitAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
    }

    void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }
        _lines.Enqueue(line);
        if (_lines.Count > MaxLines)
        {
            _lines.TryDequeue(out _);
        }
    }

    void OnExit(object? sender, EventArgs e)
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
    }
}
