using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using CurateMe.Cli.Drills;
using CurateMe.Resp;

namespace CurateMe.Testing.Redis;

/// <summary>How a <see cref="RedisServer"/> is started.</summary>
public sealed record RedisServerSetup
{
    /// <summary>Of the default user (<c>requirepass</c>).</summary>
    public string? Password { get; init; }

    /// <summary>ACL rules, for example <c>alice on >secret ~* &amp;* +@all</c>.</summary>
    public IReadOnlyList<string> Users { get; init; } = [];

    /// <summary>Only TLS, with a certificate for 127.0.0.1 and localhost signed by <see cref="TestRoot"/>.</summary>
    public bool Tls { get; init; }

    public bool Cluster { get; init; }

    /// <summary>Keeps its data over a restart (append-only file, every write synced).</summary>
    public bool Persistent { get; init; }

    /// <summary>Further <c>redis-server</c> arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}

/// <summary>A real redis-server on a free port of 127.0.0.1, in a directory of its own, ended by its process id.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const int StartAttempts = 5;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly Lazy<string?> Found = new(Find);

    private readonly RedisServerSetup _setup;
    private readonly string _directory;
    private Process? _process;
    private int _busPort;

    private RedisServer(RedisServerSetup setup)
    {
        _setup = setup;
        _directory = Directory.CreateTempSubdirectory("cm-redis-").FullName;
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    /// <summary>False: tests that need a server skip themselves, naming <see cref="Missing"/>.</summary>
    public static bool IsInstalled => Found.Value is not null;

    public const string Missing = "redis-server is not installed (Debian package redis-server)";

    public int Port { get; private set; }

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("The server is not running.");

    public RespAddress Address => new("127.0.0.1", Port);

    /// <summary>As the default user.</summary>
    public RespOptions Options => new()
    {
        Addresses = [Address],
        Password = _setup.Password,
        Tls = _setup.Tls,
        TrustedRoots = _setup.Tls ? [TestRoot.Certificate] : null,
    };

    /// <summary>As the default user, for <c>REDIS_URL</c>.</summary>
    public string Url => $"{(_setup.Tls ? "rediss" : "redis")}://{(_setup.Password is { } password ? $":{password}@" : "")}{Address}";

    public static async Task<RedisServer> StartAsync(RedisServerSetup? setup = null)
    {
        var server = new RedisServer(setup ?? new());
        try
        {
            await server.StartOnFreePortAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>SIGKILL; returns when the process is gone.</summary>
    public async Task KillAsync()
    {
        if (_process is null)
            return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Starts a killed server on the same port; it answers when this returns.</summary>
    public async Task StartAgainAsync()
    {
        if (!await TryStartAsync(Port))
            throw new InvalidOperationException($"redis-server did not start again on port {Port}: {await LogAsync()}");
    }

    /// <summary>SIGSTOP: connections stay open and nothing answers.</summary>
    public Task PauseAsync() => SignalAsync("STOP");

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync() => SignalAsync("CONT");

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process!.Id}"]);
        await kill.WaitForExitAsync();
    }

    public Task<RespClient> ConnectAsync() => RespClient.ConnectAsync(Options);

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        await KillAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/bin")
        .Select(static directory => Path.Combine(directory, "redis-server")).FirstOrDefault(File.Exists);

    private async Task StartOnFreePortAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            (Port, _busPort) = (LoopbackPort.Free(), LoopbackPort.Free());
            if (await TryStartAsync(Port))
                return;
            if (attempt == StartAttempts)
                throw new InvalidOperationException($"redis-server did not start: {await LogAsync()}");
        }
    }

    /// <summary>False when the process ended, for example because another took the port.</summary>
    private async Task<bool> TryStartAsync(int port)
    {
        var start = new ProcessStartInfo(Found.Value ?? throw new InvalidOperationException(Missing)) { WorkingDirectory = _directory };
        foreach (var argument in Arguments(port))
            start.ArgumentList.Add(argument);
        _process = Process.Start(start) ?? throw new InvalidOperationException("redis-server was not started.");
        var deadline = Stopwatch.StartNew();
        while (deadline.Elapsed < StartTimeout)
        {
            if (_process.HasExited)
            {
                _process.Dispose();
                _process = null;
                return false;
            }
            if (await AnswersAsync())
                return true;
            await Task.Delay(20);
        }
        throw new InvalidOperationException($"redis-server did not answer within {StartTimeout.TotalSeconds} s: {await LogAsync()}");
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var client = await ConnectAsync();
            await client.ExecuteAsync(["PING"]);
            return true;
        }
        catch (RespException)
        {
            return false; // not up yet, or loading
        }
    }

    private IEnumerable<string> Arguments(int port)
    {
        List<string> arguments = ["--bind", "127.0.0.1", "--dir", _directory, "--save", "", "--appendonly", _setup.Persistent ? "yes" : "no", "--appendfsync", "always",
            "--logfile", Path.Combine(_directory, "redis.log"), "--daemonize", "no", "--port", _setup.Tls ? "0" : $"{port}"];
        if (_setup.Password is { } password)
            arguments.AddRange(["--requirepass", password]);
        foreach (var user in _setup.Users)
            arguments.AddRange(["--user", .. user.Split(' ')]);
        if (_setup.Cluster)
            arguments.AddRange(["--cluster-enabled", "yes", "--cluster-port", $"{_busPort}", "--cluster-node-timeout", "2000", "--cluster-config-file", $"nodes-{port}.conf"]);
        if (_setup.Tls)
        {
            var (certificate, key, root) = TestRoot.WriteFiles(_directory);
            arguments.AddRange(["--tls-port", $"{port}", "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", root, "--tls-auth-clients", "no"]);
        }
        return arguments.Concat(_setup.Arguments);
    }

    private async Task<string> LogAsync()
    {
        var log = Path.Combine(_directory, "redis.log");
        return File.Exists(log) ? await File.ReadAllTextAsync(log) : "it wrote no log";
    }

    private void OnProcessExit(object? sender, EventArgs e) => _process?.Kill();
}
