using System.Net;
using System.Text;
using CurateMe.Gateway.Providers;

namespace CurateMe.Gateway.Proxy;

/// <summary>The connections to one provider.</summary>
sealed class Upstream : IDisposable
{
    readonly HttpMessageInvoker invoker;

    public Upstream(ProviderRow row, ForwardOptions options)
    {
        Row = row;
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

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct) => invoker.SendAsync(request, ct);

    public void Dispose() => invoker.Dispose();
}
