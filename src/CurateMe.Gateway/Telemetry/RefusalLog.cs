using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Telemetry;

/// <summary>One refused request. No content and no secret: an unknown key is kept by its first characters.</summary>
sealed record RefusedRequest
{
    public required DateTimeOffset Ts { get; init; }
    public required string RequestId { get; init; }
    public string? OrgId { get; init; }
    public string? TeamId { get; init; }
    public string? KeyId { get; init; }
    public string? KeyPrefix { get; init; }
    public string? ClientIp { get; init; }
    public required string Code { get; init; }
    public int StatusCode { get; init; }
    public required string Endpoint { get; init; }
    public int LatencyMs { get; init; }
}

[JsonSerializable(typeof(RefusedRequest))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
sealed partial class RefusalJson : JsonSerializerContext;

/// <summary>Limits of a <see cref="RefusalLog"/>.</summary>
/// <param name="Directory">Holds nothing else.</param>
sealed record RefusalLogOptions(string Directory)
{
    /// <summary>Size at which a file is closed and the next one begun.</summary>
    public long MaxFileBytes { get; init; } = 16 << 20;

    /// <summary>Files kept; beyond it the oldest goes.</summary>
    public int MaxFiles { get; init; } = 16;

    /// <summary>Refusals that wait to be written; beyond it they are counted and not kept.</summary>
    public int MaxWaiting { get; init; } = 10_000;
}

/// <summary>
/// What this gateway refused, on disk: lines of JSON in files that take turns, about a million refusals. Written behind the answers and lossy where it must be:
/// money does not depend on it.
/// </summary>
sealed partial class RefusalLog : IHostedService, IDisposable
{
    const string Pattern = "refusals-*.jsonl";
    const int MaxPrefix = 10;
    const int MaxPath = 200;

    /// <summary>Longest a reader waits for what is being written.</summary>
    static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(500);

    readonly RefusalLogOptions options;
    readonly TimeProvider time;
    readonly ILogger<RefusalLog> logger;
    readonly Channel<RefusedRequest> waiting;
    Task writing = Task.CompletedTask;
    FileStream? file;
    long added;
    long written;
    long dropped;

    public RefusalLog(RefusalLogOptions options, TimeProvider time, ILogger<RefusalLog> logger)
    {
        (this.options, this.time, this.logger) = (options, time, logger);
        waiting = Channel.CreateBounded<RefusedRequest>(new BoundedChannelOptions(options.MaxWaiting) { SingleReader = true });
    }

    /// <summary>Refusals that were not kept: too many waited, or the disk did not take them.</summary>
    public long Dropped => Interlocked.Read(ref dropped);

    public void Add(RefusedRequest refused)
    {
        if (waiting.Writer.TryWrite(refused))
        {
            Interlocked.Increment(ref added);
        }
        else
        {
            Interlocked.Increment(ref dropped);
        }
    }

    /// <summary>Keeps a refusal of the data plane; a gateway without a request log keeps none.</summary>
    public static void Note(Exchange exchange, ErrorCode code)
    {
        var http = exchange.Http;
        if (http.RequestServices.GetService<RefusalLog>() is not { } log)
        {
            return;
        }
        var principal = exchange.Principal;
        var path = http.Request.Path.Value ?? "";
        log.Add(new RefusedRequest
        {
            Ts = exchange.Admitted,
            RequestId = exchange.Id.ToString(),
            OrgId = principal?.OrgId,
            TeamId = principal?.TeamId,
            KeyId = principal?.KeyId,
            KeyPrefix = principal is null ? Shown(PresentedKey.Find(http.Request, out _)) : null,
            ClientIp = http.Connection.RemoteIpAddress?.ToString(),
            Code = code.Code,
            StatusCode = code.Status,
            Endpoint = path.Length > MaxPath ? path[..MaxPath] : path,
            LatencyMs = (int)log.time.GetElapsedTime(exchange.Started).TotalMilliseconds,
        });
    }

    // Somebody's key of somewhere else is none of our business, not even its beginning.
    static string? Shown(ReadOnlySpan<char> key) =>
        key.IsEmpty ? null : key.StartsWith("cm_", StringComparison.Ordinal) ? key[..Math.Min(key.Length, MaxPrefix)].ToString() : "(foreign)";

    /// <summary>What was refused from an instant until before another, in the order of being refused.</summary>
    public async IAsyncEnumerable<RefusedRequest> ReadAsync(DateTimeOffset from, DateTimeOffset to, [EnumeratorCancellation] CancellationToken ct)
    {
        await SettleAsync(ct);
        foreach (var path in Files().Where(p => File.GetLastWriteTimeUtc(p) >= from.UtcDateTime))
        {
            using var reader = Open(path);
            while (reader is not null && await reader.ReadLineAsync(ct) is { } line)
            {
                if (Parse(line) is { } refused && refused.Ts >= from && refused.Ts < to)
                {
                    yield return refused;
                }
            }
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        writing = Task.Run(WriteAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        waiting.Writer.TryComplete();
        await writing;
    }

    public void Dispose() => file?.Dispose();

    async Task WriteAsync()
    {
        while (await waiting.Reader.WaitToReadAsync())
        {
            var batch = 0;
            try
            {
                var to = Current();
                for (; batch < options.MaxWaiting && waiting.Reader.TryRead(out var refused); batch++)
                {
                    to.Write(JsonSerializer.SerializeToUtf8Bytes(refused, RefusalJson.Default.RefusedRequest));
                    to.WriteByte((byte)'\n');
                }
                await to.FlushAsync();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The answers are out; what is lost here is only who was refused.
                var lost = Math.Max(1, batch);
                if (batch == 0)
                {
                    waiting.Reader.TryRead(out _);
                }
                Interlocked.Add(ref dropped, lost);
                Log.NotWritten(logger, lost, e.Message);
                Abandon();
                batch = lost;
            }
            Interlocked.Add(ref written, batch);
        }
    }

    // Closing writes what is buffered, which the disk refuses once more.
    void Abandon()
    {
        try
        {
            file?.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is closed all the same.
        }
        file = null;
    }

    FileStream Current()
    {
        if (file is { } open && open.Length < options.MaxFileBytes)
        {
            return open;
        }
        file?.Dispose();
        Directory.CreateDirectory(options.Directory);
        var name = $"refusals-{time.GetUtcNow():yyyyMMdd'T'HHmmssfffffff}.jsonl";
        file = new FileStream(Path.Combine(options.Directory, name), FileMode.Append, FileAccess.Write, FileShare.Read | FileShare.Delete, 1 << 16);
        foreach (var old in Files().SkipLast(options.MaxFiles))
        {
            File.Delete(old);
        }
        return file;
    }

    // The names sort by time.
    IEnumerable<string> Files() =>
        Directory.Exists(options.Directory) ? Directory.EnumerateFiles(options.Directory, Pattern).Order(StringComparer.Ordinal).ToList() : [];

    async Task SettleAsync(CancellationToken ct)
    {
        var until = Interlocked.Read(ref added);
        for (var started = time.GetTimestamp(); Interlocked.Read(ref written) < until && time.GetElapsedTime(started) < MaxWait;)
        {
            await Task.Delay(5, ct);
        }
    }

    // Null: it was the oldest, and is gone by now.
    static StreamReader? Open(string path)
    {
        try
        {
            return new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // Null: half a line, of a process that died.
    static RefusedRequest? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, RefusalJson.Default.RefusedRequest);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static partial class Log
    {
        [LoggerMessage(4101, LogLevel.Warning, "{Count} refusals are not in the request log: {Reason}")]
        public static partial void NotWritten(ILogger logger, int count, string reason);
    }
}
