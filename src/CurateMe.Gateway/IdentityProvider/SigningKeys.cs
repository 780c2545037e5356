using System.Diagnostics.CodeAnalysis;
using CurateMe.Ledger.Errors;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace CurateMe.Gateway.IdentityProvider;

/// <summary>
/// The keys that the identity provider signs by: fetched when they are first needed, when a token names one that is not known, and beside the requests when they
/// are an hour old. There is one fetch at a time, which all who need it wait for; after one that failed, or was made for an unknown key, none is begun for
/// <see cref="RefreshInterval"/>. While the provider is away, what it published last stays.
/// </summary>
sealed class SigningKeys(JwtOptions options, ErrorEvents errors, TimeProvider time) : IDisposable
{
    /// <summary>Least between two fetches that strangers can cause.</summary>
    public static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(10);

    /// <summary>How long keys are used unasked; one that the provider withdraws is good for no longer than this.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(1);

    /// <summary>Longest a document takes, and largest, in bytes.</summary>
    static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(10);
    const int MaxDocumentBytes = 1 << 20;

    readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = FetchTimeout, MaxResponseContentBufferSize = MaxDocumentBytes };
    readonly Lock gate = new();
    Published? known;
    Task fetching = Task.CompletedTask;
    long? restsSince;

    /// <summary>One state of the provider's keys; another one is another object.</summary>
    /// <param name="FetchedAt">By the stopwatch.</param>
    public sealed record Published(IReadOnlyList<SecurityKey> Keys, long FetchedAt);

    /// <summary>The keys as they are known; null while the provider has never given any.</summary>
    public async Task<Published?> CurrentAsync(CancellationToken ct)
    {
        if (Volatile.Read(ref known) is not { } current)
        {
            await Fetch().WaitAsync(ct);
            return Volatile.Read(ref known);
        }
        if (time.GetElapsedTime(current.FetchedAt) >= Life)
        {
            // Nobody waits: the provider may be away.
            _ = Fetch();
        }
        return current;
    }

    /// <summary>The keys as the provider has them now, for a token that none of <paramref name="former"/> signed; null when it has no others, or was asked just before.</summary>
    public async Task<Published?> NewerAsync(Published former, CancellationToken ct)
    {
        if (Volatile.Read(ref known) == former)
        {
            await Fetch().WaitAsync(ct);
        }
        return Volatile.Read(ref known) is { } now && now != former ? now : null;
    }

    public void Dispose() => http.Dispose();

    // The fetch that runs, or a new one, or none while it rests.
    Task Fetch()
    {
        lock (gate)
        {
            if (fetching.IsCompleted && !(restsSince is { } since && time.GetElapsedTime(since) < RefreshInterval))
            {
                fetching = Task.Run(FetchAsync);
            }
            return fetching;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a provider answers, it costs its own tokens only.")]
    async Task FetchAsync()
    {
        var first = known is null;
        try
        {
            var keys = await ReadAsync();
            Volatile.Write(ref known, new Published(keys, time.GetTimestamp()));
        }
        catch (Exception e)
        {
            first = false;
            errors.Add("identity", "keys_not_fetched", $"{Address}: {e.GetType().Name}: {e.Message}");
        }
        restsSince = first ? null : time.GetTimestamp();
    }

    Uri Address => options.JwksAddress ?? options.MetadataAddress;

    /// <exception cref="InvalidDataException">It has no key to sign by.</exception>
    async Task<IReadOnlyList<SecurityKey>> ReadAsync()
    {
        var documents = new HttpDocumentRetriever(http) { RequireHttps = Address.Scheme == "https" };
        var keys = options.JwksAddress is { } address
            ? new JsonWebKeySet(await documents.GetDocumentAsync(address.ToString(), CancellationToken.None)).GetSigningKeys()
            : (await OpenIdConnectConfigurationRetriever.GetAsync(options.MetadataAddress.ToString(), documents, CancellationToken.None)).SigningKeys;
        return keys.Count > 0 ? [.. keys] : throw new InvalidDataException("there is no key in it");
    }
}
