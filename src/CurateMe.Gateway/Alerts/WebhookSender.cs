using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using CurateMe.Ledger.Alerts;

namespace CurateMe.Gateway.Alerts;

/// <summary>One attempt to bring a message to a webhook. Redirects are not followed, proxies not asked, and of the answer only the status is read.</summary>
sealed class WebhookSender : IDisposable
{
    readonly HttpMessageInvoker http;
    readonly AlertOptions options;
    readonly SealedSecrets seal;
    readonly TimeProvider time;

    public WebhookSender(AlertOptions options, NetworkGuard guard, SealedSecrets seal, TimeProvider time)
    {
        (this.options, this.seal, this.time) = (options, seal, time);
        http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.Timeout,
            ConnectCallback = (context, ct) => guard.ConnectAsync(context.DnsEndPoint, ct),
            // A name is looked up and checked anew for each message.
            PooledConnectionLifetime = TimeSpan.Zero,
            MaxResponseHeadersLength = 16,
            MaxResponseDrainSize = 0,
            ActivityHeadersPropagator = null,
        });
    }

    public async Task<DeliveryAttempt> SendAsync(AlertDelivery delivery, WebhookDocument webhook, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var started = time.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(options.Timeout);
        var (status, error) = await TryAsync(delivery, webhook, now, limit.Token, ct);
        return new DeliveryAttempt(now, status, error, (int)time.GetElapsedTime(started).TotalMilliseconds);
    }

    public void Dispose() => http.Dispose();

    async Task<(int? Status, string? Error)> TryAsync(AlertDelivery delivery, WebhookDocument webhook, DateTimeOffset now, CancellationToken limit, CancellationToken ct)
    {
        try
        {
            if (Open(webhook, webhook.Secret) is not { } secret)
            {
                return (null, "was not asked: its secret was stored under another master key; rotate it");
            }
            using var request = Request(delivery, webhook, now, secret, webhook.GraceUntil > now ? Open(webhook, webhook.FormerSecret) : null);
            using var answer = await http.SendAsync(request, limit);
            var status = (int)answer.StatusCode;
            return (status, status is >= 200 and < 300 ? null : status is >= 300 and < 400 ? $"answered {status}; redirects are not followed" : $"answered {status}");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return (null, $"did not answer within {options.Timeout.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
        {
            return (null, Words(e));
        }
    }

    string? Open(WebhookDocument webhook, string? stored) => stored is null ? null : seal.Open(stored, WebhookDocument.SealOf(webhook.WebhookId));

    static HttpRequestMessage Request(AlertDelivery delivery, WebhookDocument webhook, DateTimeOffset now, string secret, string? former)
    {
        var seconds = now.ToUnixTimeSeconds();
        var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url) { Content = new StringContent(delivery.Body, Encoding.UTF8) };
        request.Content.Headers.ContentType = new(delivery.ContentType) { CharSet = "utf-8" };
        request.Headers.Add("webhook-id", delivery.EventId);
        request.Headers.Add("webhook-timestamp", seconds.ToString(System.Globalization.CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", WebhookSecret.Sign(delivery.EventId, seconds, delivery.Body, secret, former));
        request.Headers.Add("User-Agent", "CurateMe-Gateway");
        return request;
    }

    // What the network says may name inner addresses; the kind of failure is enough.
    static string Words(Exception failure)
    {
        for (var e = failure; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case NetworkRefusedException refused:
                    return refused.Message;
                case SocketException socket:
                    return $"could not be reached: {socket.SocketErrorCode}";
                case System.Security.Authentication.AuthenticationException:
                    return "has no certificate that is trusted";
            }
        }
        return failure is HttpRequestException { HttpRequestError: var error } ? $"could not be reached: {error}" : "broke off";
    }
}
