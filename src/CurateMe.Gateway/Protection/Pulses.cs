using System.Collections.Concurrent;
using System.Threading.Channels;
using CurateMe.Client;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Protection;

/// <summary>What a key is suspected of.</summary>
enum Suspicion : byte
{
    RetryStorm,
    RunawayAgent,

    /// <summary>To be made sure of by the ledger.</summary>
    HourlySpike,

    /// <summary>To be made sure of by the ledger.</summary>
    NewExpensiveModel,

    /// <summary>To be made sure of by the ledger.</summary>
    NewAddress,
}

/// <summary>A suspicion and the request that raised it.</summary>
readonly record struct Suspect(Suspicion Of, Principal Principal, UsageRecord Record);

/// <summary>
/// Watches keys for runaway spending as requests pass: a look into memory, a lock of the key's own, a few counters. What looks wrong is handed to
/// <see cref="KeyGuard"/>, which makes sure of it and acts.
/// </summary>
sealed class Pulses(TimeProvider time)
{
    /// <summary>Most keys watched; beyond it the watch begins anew.</summary>
    public const int MaxKeys = 50_000;

    /// <summary>Most suspicions that wait; further ones are dropped, since whoever runs away is suspected again, and what is new stays new.</summary>
    public const int MaxSuspects = 1_000;

    readonly ConcurrentDictionary<string, KeyPulse> keys = new(StringComparer.Ordinal);
    readonly Channel<Suspect> suspects = Channel.CreateBounded<Suspect>(new BoundedChannelOptions(MaxSuspects) { SingleReader = true });
    int count;

    public ChannelReader<Suspect> Suspects => suspects.Reader;

    /// <summary>A request is about to be held.</summary>
    public void OnRequest(Principal principal, UsageRecord record)
    {
        var policy = principal.Policy.Protection;
        var pulse = principal.Pulse ??= Of(principal.KeyId);
        var (storm, runaway) = pulse.OnRequest(record.PromptHash, policy, time.GetTimestamp(), time.TimestampFrequency);
        if (storm && policy.RetryStorm != ProtectionAction.Off)
        {
            suspects.Writer.TryWrite(new Suspect(Suspicion.RetryStorm, principal, record));
        }
        if (runaway && policy.RunawayAgent != ProtectionAction.Off)
        {
            suspects.Writer.TryWrite(new Suspect(Suspicion.RunawayAgent, principal, record));
        }
        if (policy.NewExpensiveModel != ProtectionAction.Off && pulse.IsNew(record.Model) && !suspects.Writer.TryWrite(new Suspect(Suspicion.NewExpensiveModel, principal, record)))
        {
            pulse.Forget(record.Model, address: null);
        }
        if (record.ClientIp is { } address && pulse.IsNewAddress(address) && !suspects.Writer.TryWrite(new Suspect(Suspicion.NewAddress, principal, record)))
        {
            pulse.Forget(model: null, address);
        }
    }

    /// <summary>A request was charged.</summary>
    public void OnSettled(Principal principal, UsageRecord record)
    {
        var policy = principal.Policy.Protection;
        // A quarter, because other replicas may have charged the rest.
        if (policy.HourlySpike != ProtectionAction.Off
            && (principal.Pulse ??= Of(principal.KeyId)).OnCharged(record.Cost, record.Timestamp.UtcTicks / TimeSpan.TicksPerHour, new(policy.SpikeLeast.Value / 4)))
        {
            suspects.Writer.TryWrite(new Suspect(Suspicion.HourlySpike, principal, record));
        }
    }

    KeyPulse Of(string keyId)
    {
        if (keys.TryGetValue(keyId, out var pulse))
        {
            return pulse;
        }
        if (Interlocked.Increment(ref count) > MaxKeys)
        {
            keys.Clear();
            Volatile.Write(ref count, 1);
        }
        return keys.GetOrAdd(keyId, static _ => new KeyPulse());
    }
}
