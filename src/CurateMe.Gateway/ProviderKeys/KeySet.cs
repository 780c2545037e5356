namespace CurateMe.Gateway.ProviderKeys;

/// <summary>A key at a provider, and until when it rests because the provider refused it.</summary>
/// <param name="id">Names the key to operators; null for keys of the configuration.</param>
sealed class ProviderSecret(string? id, string text)
{
    long restsUntil;
    string? header;

    public string? Id { get; } = id;

    /// <summary>The key itself.</summary>
    public string Text { get; } = text;

    /// <summary>The key as its provider's header carries it.</summary>
    /// <param name="prefix">What stands before it there; always the same.</param>
    public string Header(string prefix) => header ??= prefix + Text;

    /// <summary>The keys that it takes turns with.</summary>
    public KeySet? Set { get; set; }

    /// <summary>Timestamp, by the set's clock, until which others are used instead.</summary>
    public long RestsUntil => Volatile.Read(ref restsUntil);

    public void Rest(long until) => Volatile.Write(ref restsUntil, until);

    /// <summary>The secret never reaches a log by accident.</summary>
    public override string ToString() => Id ?? nameof(ProviderSecret);
}

/// <summary>
/// Keys at one provider that take turns. One that the provider refused (401) or throttled (429) rests a while; when all rest, the one that rests shortest is
/// used, since a refusal by the provider says more than one by the gateway.
/// </summary>
sealed class KeySet
{
    /// <summary>Rest of a key that the provider does not know.</summary>
    public static readonly TimeSpan RefusedRest = TimeSpan.FromMinutes(5);

    /// <summary>Rest of a throttled key whose provider names no time.</summary>
    public static readonly TimeSpan ThrottledRest = TimeSpan.FromSeconds(10);

    /// <summary>Longest rest that a provider can ask for.</summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(5);

    readonly ProviderSecret[] secrets;
    readonly TimeProvider time;
    uint turn;

    public KeySet(IEnumerable<ProviderSecret> secrets, TimeProvider time)
    {
        this.secrets = [.. secrets];
        this.time = time;
        foreach (var secret in this.secrets)
        {
            secret.Set = this;
        }
    }

    public int Count => secrets.Length;

    /// <summary>The key whose turn it is; null when there is none.</summary>
    public ProviderSecret? Next()
    {
        switch (secrets.Length)
        {
            case 0:
                return null;
            case 1:
                return secrets[0];
            default:
                return Ready(except: null) ?? secrets.MinBy(static s => s.RestsUntil);
        }
    }

    /// <summary>Another key that does not rest; null when there is none.</summary>
    public ProviderSecret? Ready(ProviderSecret? except)
    {
        var now = time.GetTimestamp();
        var first = Interlocked.Increment(ref turn);
        for (var i = 0u; i < secrets.Length; i++)
        {
            var secret = secrets[(first + i) % (uint)secrets.Length];
            if (secret != except && secret.RestsUntil <= now)
            {
                return secret;
            }
        }
        return null;
    }

    /// <summary>The provider answered a call with this key by 401 or 429.</summary>
    public void Refused(ProviderSecret secret, int status, TimeSpan? retryAfter)
    {
        var rest = status == 401 ? RefusedRest : retryAfter ?? ThrottledRest;
        rest = rest < TimeSpan.Zero ? TimeSpan.Zero : rest < LongestRest ? rest : LongestRest;
        secret.Rest(time.GetTimestamp() + (long)(rest.TotalSeconds * time.TimestampFrequency));
    }
}
