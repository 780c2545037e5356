using System.Collections.Frozen;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using ConfigChange = CurateMe.Gateway.Governance.ConfigChange;

namespace CurateMe.Gateway.ProviderKeys;

/// <summary>
/// The stored provider keys, decrypted in memory. An org's own keys come before the platform's, and those before the ones in the configuration. A change by any replica
/// is in force here as soon as the configuration store tells of it.
/// </summary>
sealed partial class Keyring(Catalogue catalogue, ConfigChanges changes, MasterKey master, ProviderNames providers, TimeProvider time, ILogger<Keyring> logger) : IHostedService, IDisposable
{
    /// <summary>Most keys of one org, and of the platform.</summary>
    public const int MaxKeys = 200;

    /// <summary>Most keys of all together; further ones are not used.</summary>
    public const int MaxLoaded = 50_000;

    /// <summary>How soon the keys are read again after a reading that failed.</summary>
    static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    readonly SemaphoreSlim loading = new(1);
    readonly CancellationTokenSource stopping = new();
    FrozenDictionary<(string Provider, string? OrgId), KeySet> sets = FrozenDictionary<(string, string?), KeySet>.Empty;
    Dictionary<string, (string Sealed, ProviderSecret Secret)> known = new(StringComparer.Ordinal);
    int asked;

    public MasterKey Master => master;

    public bool Knows(string provider) => providers.All.Contains(provider);

    /// <summary>The stored key for a call; null when neither the org nor the platform has one.</summary>
    public ProviderSecret? Next(string provider, string orgId)
    {
        var all = sets;
        if (all.Count == 0)
        {
            return null;
        }
        return all.TryGetValue((provider, orgId), out var own) ? own.Next() : all.TryGetValue((provider, null), out var platform) ? platform.Next() : null;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        changes.Changed += OnChanged;
        changes.Missed += Reload;
        await LoadAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        changes.Changed -= OnChanged;
        changes.Missed -= Reload;
        return stopping.CancelAsync();
    }

    public void Dispose()
    {
        stopping.Dispose();
        loading.Dispose();
    }

    /// <summary>Reads all keys anew; those that did not change keep their rest.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        await loading.WaitAsync(ct);
        try
        {
            Dictionary<string, (string Sealed, ProviderSecret Secret)> now = new(StringComparer.Ordinal);
            List<(string Provider, string? OrgId, ProviderSecret Secret)> usable = [];
            string? after = null;
            while (now.Count < MaxLoaded && await catalogue.ProviderKeys.ListAsync(orgId: null, after, IConfigStore.MaxLimit, ct) is { Count: > 0 } page)
            {
                foreach (var (key, id) in page.Where(static p => !p.Value.Disabled).Select(static p => (p.Value, p.Id)))
                {
                    if (Open(key) is { } secret)
                    {
                        now[id] = (key.Sealed, secret);
                        usable.Add((key.Provider, key.OrgId, secret));
                    }
                }
                after = page[^1].Id;
            }
            known = now;
            sets = usable.GroupBy(static k => (k.Provider, k.OrgId)).ToFrozenDictionary(static g => g.Key, g => new KeySet(g.Select(static k => k.Secret), time));
        }
        finally
        {
            loading.Release();
        }
    }

    ProviderSecret? Open(ProviderKeyDocument key)
    {
        if (known.TryGetValue(key.ProviderKeyId, out var before) && before.Sealed == key.Sealed)
        {
            return before.Secret;
        }
        if (master.Decrypt(key.Sealed, key.ProviderKeyId) is { } text)
        {
            return new ProviderSecret(key.ProviderKeyId, text);
        }
        Log.Unreadable(logger, key.ProviderKeyId);
        return null;
    }

    void OnChanged(ConfigChange change)
    {
        if (change.Collection == Collections.ProviderKeys)
        {
            Reload();
        }
    }

    // One reading at a time; what is asked for while it runs is one more after it.
    void Reload()
    {
        if (Interlocked.Increment(ref asked) == 1)
        {
            var stopped = stopping.Token;
            _ = Task.Run(() => ReloadAsync(stopped), CancellationToken.None);
        }
    }

    // A change is told once. Whatever keeps it from being read, it is read until that succeeds: a key that was taken out of use must not stay in use here.
    async Task ReloadAsync(CancellationToken stopped)
    {
        var late = false;
        while (!stopped.IsCancellationRequested)
        {
            var seen = Volatile.Read(ref asked);
            if (await TryLoadAsync(late, stopped))
            {
                late = false;
                if (Interlocked.CompareExchange(ref asked, 0, seen) == seen)
                {
                    return;
                }
                continue;
            }
            late = true;
            await Task.Delay(TryAgain, time, stopped).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task<bool> TryLoadAsync(bool late, CancellationToken stopped)
    {
        try
        {
            await LoadAsync(stopped);
            return true;
        }
#pragma warning disable CA1031 // every failure of a reading means the same here
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (!late && !stopped.IsCancellationRequested)
            {
                Log.Late(logger, e.Message);
            }
            return false;
        }
    }

    static partial class Log
    {
        [LoggerMessage(3201, LogLevel.Error, "The provider key {ProviderKeyId} cannot be decrypted: it was stored under another master key. It is not used.")]
        public static partial void Unreadable(ILogger logger, string providerKeyId);

        [LoggerMessage(3202, LogLevel.Warning, "The provider keys could not be read again, which is tried until it succeeds; those read before are used meanwhile: {Reason}")]
        public static partial void Late(ILogger logger, string reason);
    }
}

/// <summary>Names of the providers that are configured.</summary>
sealed record ProviderNames(IReadOnlySet<string> All);

static class ProviderKeyServices
{
    public static IServiceCollection AddProviderKeys(this IServiceCollection services, MasterKey master, IEnumerable<string> providers)
    {
        services.AddSingleton(master);
        services.AddSingleton(new ProviderNames(providers.ToHashSet(StringComparer.Ordinal)));
        services.AddSingleton<Keyring>();
        services.AddHostedService(static s => s.GetRequiredService<Keyring>());
        return services;
    }
}
