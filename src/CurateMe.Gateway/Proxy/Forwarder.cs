using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Providers;
using CurateMe.Ledger.Holds;
using Polly;
using Polly.CircuitBreaker;

namespace CurateMe.Gateway.Proxy;

/// <summary>One call to a provider, as the pipeline has prepared it.</summary>
/// <param name="Path">Below the provider's base URL, with its query.</param>
sealed record Call(Exchange Exchange, Target Target, string Path, RequestBody? Body, List<BodyPatch> Patches, string? ProviderKey)
{
    public HttpMethod Method { get; init; } = HttpMethod.Post;

    ProviderSecret? stored;

    /// <summary>The key that it is made with; once it was answered, the one that was answered so, by which alone the provider knows what it keeps of the call.</summary>
    public string? ProviderKey { get; private set; } = ProviderKey;

    /// <summary>The gateway's own key, where the caller brought none: <see cref="ProviderKey"/> is its text.</summary>
    public ProviderSecret? Stored
    {
        get => stored;
        init => stored = value;
    }

    /// <summary>Goes on with another key of the gateway's own.</summary>
    public void Use(ProviderSecret other) => (stored, ProviderKey) = (other, other.Text);
}

/// <summary>
/// Sends a call and waits for the answer's headers, telling the hold at each failure whether the provider can have billed it:
/// <list type="number">
/// <item>No connection: nothing was billed; tried again, then <c>upstream_error</c>.</item>
/// <item>An answer of 500, 502, 503, 504 or 529: nothing is billed; tried again, then returned as it is.</item>
/// <item>An answer of 401 or 429 to one of several keys of the gateway's own: that key rests, and another is tried at once.</item>
/// <item>The connection broke before the answer began: the provider failed; nothing is billed, but it is not tried again.</item>
/// <item>No answer within the total time-out: the gateway gave up on a call that may still be running; the hold is charged as presumed.</item>
/// </list>
/// </summary>
sealed class Forwarder(ForwardOptions options, TimeProvider time)
{
    /// <summary>Most keys tried for one call.</summary>
    const int MaxKeys = 4;

    public async Task<HttpResponseMessage> SendAsync(Call call, Hold? hold, CancellationToken deadline)
    {
        var keysTried = 1;
        for (var attempt = 0; ; attempt++)
        {
            var mayRetry = attempt < options.Retries && !call.Exchange.ClientLeft;
            var upstream = call.Target.Upstream;
            var report = false;
            try
            {
                hold?.Forwarding();
                HttpResponseMessage response;
                try
                {
                    response = await upstream.SendAsync(Request(call), deadline, out report);
                }
                catch (Exception e) when (report)
                {
                    await upstream.ReportAsync(Outcome.FromException<HttpResponseMessage>(e));
                    throw;
                }
                if (report)
                {
                    await upstream.ReportAsync(Outcome.FromResult(response));
                }
                if (call.Stored is { } used && (int)response.StatusCode is 401 or 429 && OtherKey(call, used, response, keysTried) is { } other)
                {
                    keysTried++;
                    attempt--;
                    hold?.NotBilled((int)response.StatusCode);
                    response.Dispose();
                    call.Use(other);
                    continue;
                }
                if (!mayRetry || !IsUnbilledFailure((int)response.StatusCode))
                {
                    return response;
                }
                response.Dispose();
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested)
            {
                throw TimedOut(call.Target.Upstream.Row, hold);
            }
            catch (BrokenCircuitException)
            {
                hold?.NotBilled(ErrorCode.CircuitOpen.Status);
                throw Resting(call.Target.Upstream.Row);
            }
            catch (HttpRequestException e) when (mayRetry && NeverSent(e))
            {
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                hold?.NotBilled(ErrorCode.UpstreamError.Status);
                throw Unreachable(call.Target.Upstream.Row, e);
            }
            hold?.NotBilled(ErrorCode.UpstreamError.Status);
            await Task.Delay(options.RetryDelay * (1 << attempt), time, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (deadline.IsCancellationRequested)
            {
                throw TimedOut(call.Target.Upstream.Row, hold);
            }
        }
    }

    // Null when no other key is ready, so that the caller sees what the provider said.
    ProviderSecret? OtherKey(Call call, ProviderSecret used, HttpResponseMessage response, int tried)
    {
        var asked = response.Headers.RetryAfter;
        used.Set!.Refused(used, (int)response.StatusCode, asked?.Delta ?? (asked?.Date is { } date ? date - time.GetUtcNow() : null));
        return tried < MaxKeys && !call.Exchange.ClientLeft ? used.Set.Ready(except: used) : null;
    }

    static HttpRequestMessage Request(Call call)
    {
        var row = call.Target.Upstream.Row;
        var incoming = call.Exchange.Http.Request;
        var request = new HttpRequestMessage(call.Method, call.Target.Upstream.Address(call.Path))
        {
            Content = call.Body is null ? null : new PatchedContent(call.Body.Memory, call.Patches, incoming.ContentType),
            Version = call.Target.Upstream.IsSecure ? System.Net.HttpVersion.Version20 : System.Net.HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        HeaderHygiene.CopyToProvider(incoming.Headers, request.Headers);
        request.Headers.TryAddWithoutValidation("X-Client-Request-Id", call.Exchange.IdText);
        if (call.ProviderKey is not null)
        {
            request.Headers.TryAddWithoutValidation(row.AuthHeader, call.Stored?.Header(row.AuthPrefix) ?? row.AuthPrefix + call.ProviderKey);
        }
        return request;
    }

    public static bool IsUnbilledFailure(int status) => status is 500 or 502 or 503 or 504 or 529;

    static bool NeverSent(HttpRequestException e) => e.HttpRequestError is
        HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError;

    RefusedException TimedOut(ProviderRow row, Hold? hold)
    {
        if (hold is not null)
        {
            hold.Record.StatusCode = ErrorCode.UpstreamTimeout.Status;
        }
        return new(ErrorCode.UpstreamTimeout, $"{row.Name} did not answer within {options.TotalTimeout.TotalSeconds:0} s.", "Ask for less output, or stream.");
    }

    RefusedException Resting(ProviderRow row) => new(
        ErrorCode.CircuitOpen, $"{row.Name} fails so often that it is left alone for {options.BreakerPause.TotalSeconds:0} s.", "Try again then, or name fallbacks in the policy.")
    { RetryAfterMs = (int)options.BreakerPause.TotalMilliseconds };

    static RefusedException Unreachable(ProviderRow row, Exception e) => new(
        ErrorCode.UpstreamError,
        $"{row.Name} could not be reached or broke off before it answered ({(e as HttpRequestException)?.HttpRequestError.ToString() ?? e.GetType().Name}).",
        "Try again; if it lasts, check the provider's status and Providers__" + row.Name + "__BaseUrl.");
}
