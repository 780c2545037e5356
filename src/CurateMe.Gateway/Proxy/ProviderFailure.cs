using System.Globalization;
using System.Text.Json;
using CurateMe.Gateway.Providers;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// A provider's answer that says nothing to the caller's request: a server error after the last try, or a redirect, which leads past the gateway. The
/// caller gets <c>upstream_error</c> with the provider's status and its own words, as far as they can be read.
/// </summary>
static class ProviderFailure
{
    /// <summary>Most bytes of its body that are read, and the longest that is waited for them: they only explain.</summary>
    const int MaxBody = 64 << 10;

    static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(5);

    /// <summary>Longest that the provider may speak in the gateway's answer, in characters.</summary>
    public const int MaxWords = 300;

    /// <summary>Headers that tell a client whether and when to try again.</summary>
    static readonly string[] Advice = ["Retry-After", "Retry-After-Ms", "x-should-retry"];

    /// <summary>Whether an answer is not the caller's: neither success nor a refusal of the caller's request.</summary>
    public static bool Is(HttpResponseMessage answer) => (int)answer.StatusCode is < 200 or (>= 300 and < 400) or >= 500;

    /// <summary>What the caller is told. The answer's body is read for it.</summary>
    public static async Task<RefusedException> ReadAsync(ProviderRow row, HttpResponseMessage answer, TimeProvider time, CancellationToken deadline)
    {
        var status = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
        if ((int)answer.StatusCode < 400)
        {
            return new RefusedException(
                ErrorCode.UpstreamError, $"{row.Name} answered {status}, which leads past the gateway and is not followed.", $"Check Providers__{row.Name}__BaseUrl: the address must answer by itself.")
            { FromProvider = Headers(answer) };
        }
        var words = await WordsAsync(answer, time, deadline);
        return new RefusedException(
            ErrorCode.UpstreamError, words is null ? $"{row.Name} answered {status}." : $"{row.Name} answered {status}: {words}", "Try again; if it lasts, check the provider's status, or name fallbacks in the policy.")
        { FromProvider = Headers(answer) };
    }

    static List<KeyValuePair<string, string>> Headers(HttpResponseMessage answer)
    {
        List<KeyValuePair<string, string>> kept = [];
        foreach (var (name, values) in answer.Headers.NonValidated)
        {
            if ((Advice.Contains(name, StringComparer.OrdinalIgnoreCase) || IsRequestId(name)) && HeaderHygiene.MayPass(name, values.ToString()))
            {
                kept.Add(new(name, values.ToString()));
            }
        }
        return kept;
    }

    // x-request-id, request-id, apim-request-id, x-amzn-requestid: what the provider's support asks for.
    static bool IsRequestId(string name) => name.EndsWith("request-id", StringComparison.OrdinalIgnoreCase) || name.EndsWith("requestid", StringComparison.OrdinalIgnoreCase);

    static async Task<string?> WordsAsync(HttpResponseMessage answer, TimeProvider time, CancellationToken deadline)
    {
        using var patience = new CancellationTokenSource(MaxWait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, deadline);
        try
        {
            using var plain = await PlainAnswer.ReadAsync(answer, MaxBody, either.Token);
            return plain.Complete ? Words(plain.Memory) : null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    static string? Words(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return Find(json.RootElement) is { Length: > 0 } words ? Bounded(words) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or text that is no Unicode.
            return null;
        }
    }

    // {"error":{"message":…}} and {"error":…} of most, Gemini's array of one, {"message":…} and {"detail":…} of proxies and frameworks.
    static string? Find(JsonElement at) => at.ValueKind switch
    {
        JsonValueKind.Array when at.GetArrayLength() > 0 => Find(at[0]),
        JsonValueKind.Object => Text(at, "error") ?? Text(at, "message") ?? Text(at, "detail"),
        _ => null,
    };

    static string? Text(JsonElement at, string name) => !at.TryGetProperty(name, out var found) ? null : found.ValueKind switch
    {
        JsonValueKind.String => found.GetString(),
        JsonValueKind.Object when found.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String => message.GetString(),
        _ => null,
    };

    static string Bounded(string words)
    {
        var end = Math.Min(words.Length, MaxWords);
        if (end < words.Length && char.IsHighSurrogate(words[end - 1]))
        {
            end--;
        }
        var text = string.Create(end, words, static (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = char.IsControl(from[i]) ? ' ' : from[i];
            }
        });
        return end < words.Length ? text + "…" : text;
    }
}
