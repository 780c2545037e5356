using CurateMe.Client;

namespace CurateMe.Cli;

/// <summary>The gateway that commands ask: at <c>CM_URL</c>, with <c>ADMIN_TOKEN</c>, about <c>ORG_ID</c> where one is set.</summary>
/// <param name="environment">Reads a variable.</param>
sealed class Gateway(HttpClient http, Func<string, string?> environment)
{
    /// <summary>Reads a variable.</summary>
    public Func<string, string?> Environment { get; } = environment;

    /// <summary>Where it is; null when <c>CM_URL</c> is no address.</summary>
    public Uri? Address => http.BaseAddress;

    const string StandardUrl = "http://localhost:8002";

    /// <summary>Longest that one call may take: a rebuild of many orgs takes a while.</summary>
    static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    /// <exception cref="CannotAskException"><c>CM_URL</c> is no address.</exception>
    public static HttpClient Connect(Func<string, string?> environment, HttpMessageHandler? handler = null)
    {
        var url = environment("CM_URL") is { Length: > 0 } set ? set : StandardUrl;
        var http = handler is null ? new HttpClient() : new HttpClient(handler);
        http.Timeout = Timeout;
        http.BaseAddress = Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? address : null;
        return http;
    }

    /// <summary>A variable that is set; else null.</summary>
    public string? Setting(string name) => Environment(name) is { Length: > 0 } set ? set : null;

    /// <summary>Fetches a file from elsewhere, without the token.</summary>
    /// <exception cref="CannotAskException">It is not there.</exception>
    public async Task<Stream> FetchAsync(Uri address, CancellationToken ct)
    {
        try
        {
            using var answer = await http.GetAsync(address, ct);
            return answer.IsSuccessStatusCode
                ? new MemoryStream(await answer.Content.ReadAsByteArrayAsync(ct))
                : throw new CannotAskException($"{address} answered {(int)answer.StatusCode}.");
        }
        catch (HttpRequestException failure)
        {
            // Not the gateway, which is what such a failure is about everywhere else.
            throw new CannotAskException($"No answer from {address}: {failure.Message}");
        }
    }

    /// <summary>A client, about one org where one is named.</summary>
    /// <exception cref="CannotAskException">A variable is missing.</exception>
    public AdminClient Admin(string? org)
    {
        if (http.BaseAddress is null)
        {
            throw new CannotAskException("CM_URL must be an address such as http://localhost:8002.");
        }
        var token = Environment("ADMIN_TOKEN") is { Length: > 0 } set ? set : throw new CannotAskException("Set ADMIN_TOKEN to the gateway's admin token.");
        return new AdminClient(http, token, org ?? (Environment("ORG_ID") is { Length: > 0 } own ? own : null));
    }
}

/// <summary>The question could not be put: exit code 2.</summary>
sealed class CannotAskException(string message) : Exception(message);
