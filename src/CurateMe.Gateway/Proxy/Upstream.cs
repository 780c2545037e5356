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

    public Upstream(ProviderRow row, ForwardOptions options, TimeProvider time)
    {
        Row = row;
        var configured = row.ApiKey?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        keys = new KeySet(configured.Select(static key => new ProviderSecret(id: null, key)), time);
        breaker = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = 0.5,
                MinimumThroughput = options.BreakerCalls,
                SamplingDuration = options.BreakerWindow,
                BreakDuration = options.BreakerPause,
                ShouldHandle = static args => ValueTask.FromResult(
                    args.Outcome.Exception is HttpRequestException or IOException || (args.Outcome.Result is { } answer && Forwarder.IsUnbilledFailure((int)answer.StatusCode))),
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

    /// <exception cref="BrokenCircuitException">The provider failed so often that it is left alone for a while; nothing was sent.</exception>
    public ValueTask<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct) => breaker.ExecuteAsync(
        static (call, token) => new ValueTask<HttpResponseMessage>(call.invoker.SendAsync(call.request, token)), (invoker, request), ct);

    public void Dispose() => invoker.Dispose();
}
