using System.Collections.Concurrent;
using System.Net;
using System.Text;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Providers;
using Polly;
using Polly.CircuitBreaker;

namespace CurateMe.Gateway.Proxy;

/// <summary>The connections to one provider.</summary>
sealed class Upstream : IDisposable
{
    readonly HttpMessageInvoker invoker;
    readonly ResiliencePipeline<HttpResponseMessage> breaker;
    readonly KeySet keys;
    readonly CircuitBreakerStateProvider state = new();
    readonly TimeProvider time;
    readonly TimeSpan window;
    long failedAt;
    readonly ConcurrentDictionary<string, Uri> addresses = new(StringComparer.Ordinal);

    /// <summary>Most addresses kept.</summary>
    const int MaxAddresses = 1000;

    public Upstream(ProviderRow row, ForwardOptions options, TimeProvider time)
    {
        Row = row;
        (this.time, window) = (time, options.BreakerWindow);
        var configured = row.ApiKey?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        keys = new KeySet(configured.Select(static key => new ProviderSecret(id: null, key)), time);
        breaker = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = 0.5,
                MinimumThroughput = options.BreakerCalls,
                SamplingDuration = options.BreakerWindow,
                BreakDuration = options.BreakerPause,
                StateProvider = state,
                ShouldHandle = static args => ValueTask.FromResult(Failed(args.Outcome)),
            })
            .Build();
        invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = options.ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            MaxConnectionsPerServer = int.MaxValue,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            // Providers move behind their names; a connection must not outlive that by much.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            MaxResponseHeadersLength = 64,
            // As Kestrel reads them: a caller's header passes as the bytes it came in.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
        });
        IsSecure = row.BaseUrl.StartsWith("https:", StringComparison.OrdinalIgnoreCase);
    }

    public ProviderRow Row { get; }
    public bool IsSecure { get; }

    /// <summary>The configured key whose turn it is; null when there is none.</summary>
    public ProviderSecret? NextKey() => keys.Next();

    /// <summary>The address of a path below the base URL; those in use are kept, since reading one costs as much as reading the request.</summary>
    public Uri Address(string path)
    {
        if (addresses.TryGetValue(path, out var known))
        {
            return known;
        }
        var address = new Uri(Row.BaseUrl + path);
        // A path can carry what a caller chose: beyond the bound they are made anew each time.
        if (addresses.Count < MaxAddresses)
        {
            addresses.TryAdd(path, address);
        }
        return address;
    }

    /// <summary>
    /// Sends it. While the circuit is closed the breaker only counts and wants to be told afterwards (<see cref="ReportAsync"/>): around each call
    /// it would cost five layers of state machines.
    /// </summary>
    /// <param name="report">The caller must report what came of it.</param>
    /// <exception cref="BrokenCircuitException">The provider failed so often that it is left alone for a while; nothing was sent.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct, out bool report)
    {
        report = state.CircuitState == CircuitState.Closed;
        return report ? invoker.SendAsync(request, ct) : SendAsync(request, ct);
    }

    /// <summary>Sends it with the breaker around the call; there is nothing to report.</summary>
    /// <exception cref="BrokenCircuitException">As above.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct) =>
        breaker.ExecuteAsync(static (call, token) => new ValueTask<HttpResponseMessage>(call.invoker.SendAsync(call.request, token)), (invoker, request), ct).AsTask();

    /// <summary>
    /// What came of a call. The circuit may have opened meanwhile; an answer that came all the same is not thrown away for that. Successes are counted
    /// from a failure on, for as long as the breaker remembers it: before there is one they could only make it slower to open.
    /// </summary>
    public ValueTask ReportAsync(Outcome<HttpResponseMessage> outcome)
    {
        if (Failed(outcome))
        {
            Volatile.Write(ref failedAt, time.GetTimestamp());
        }
        else if (Volatile.Read(ref failedAt) is var at && (at == 0 || time.GetElapsedTime(at) > window))
        {
            return default;
        }
        return TellAsync(outcome);
    }

    async ValueTask TellAsync(Outcome<HttpResponseMessage> outcome)
    {
        var context = ResilienceContextPool.Shared.Get();
        await breaker.ExecuteOutcomeAsync(static (_, outcome) => ValueTask.FromResult(outcome), context, outcome);
        ResilienceContextPool.Shared.Return(context);
    }

    static bool Failed(Outcome<HttpResponseMessage> outcome) =>
        outcome.Exception is HttpRequestException or IOException || (outcome.Result is { } answer && Forwarder.IsUnbilledFailure((int)answer.StatusCode));

    public void Dispose() => invoker.Dispose();
}
