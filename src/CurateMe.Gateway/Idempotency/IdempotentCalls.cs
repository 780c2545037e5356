using System.Collections.Concurrent;
using System.Security.Cryptography;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Idempotency;

/// <summary>
/// Requests that carry an idempotency key are made at most once (I8), also across the death of the process:
/// <list type="number">
/// <item>The key is claimed in the store before anything is held.</item>
/// <item>A repetition of the same body gets the stored answer, one of another body is refused, one that comes too early is told to wait.</item>
/// <item>When the call was charged, its answer is stored after the settlement and before the client has it; without a charge the key is free again.</item>
/// <item>A claim whose owner died is looked up in the ledger: charged means that it is never made again.</item>
/// </list>
/// Requests without the header never come here.
/// </summary>
sealed partial class IdempotentCalls(
    IEntryStore store, UnmadeClaims unmade, IUsageLedger ledger, IdempotencyOptions options, ForwardOptions forward, GatewaySettings settings, ErrorEvents events, TimeProvider time,
    ILogger<IdempotentCalls> logger)
{
    public const string Kind = "idempotency";

    const int MaxTakeOvers = 3;

    // The longest wait in a queue, and some more: no claim of a living request is older than its hold and this.
    static readonly TimeSpan Grace = TimeSpan.FromMinutes(12);

    readonly Guid owner = new(RandomNumberGenerator.GetBytes(16));
    readonly ConcurrentDictionary<RequestId, byte> live = new();

    public IdempotencyOptions Options => options;

    /// <summary>Claims the key, or finds the answer of an earlier request.</summary>
    /// <exception cref="RefusedException">Another body, a call still on its way, or an answer that cannot be given again.</exception>
    public async ValueTask<Claim> ClaimAsync(Exchange exchange, string name, ReadOnlyMemory<byte> body)
    {
        var request = exchange.Http.Request;
        var principal = exchange.Principal!;
        var keys = new CallersKeys(principal.KeyId, PresentedKey.Find(request, out _), name);
        var mine = new KeyEntry(
            KeyState.InFlight, owner, (time.GetUtcNow() + forward.HoldTimeToLive + Grace).ToUnixTimeMilliseconds(), exchange.Id, keys.SecretTag, keys.Fingerprint(request, body.Span), []);
        var entry = new EntryName(principal.OrgId, Kind, keys.Id);
        live[exchange.Id] = 0;
        try
        {
            // Not with the caller's token: a claim that is made must be known to be.
            var claim = await ClaimAsync(entry, mine, keys, CancellationToken.None);
            if (claim.Replay is not null)
            {
                live.TryRemove(exchange.Id, out _);
            }
            return claim;
        }
        catch (EntryStoreUnavailableException e)
        {
            live.TryRemove(exchange.Id, out _);
            unmade.Add(entry, mine);
            events.Add("gateway", ErrorCode.IdempotencyStore.Code, e.Message);
            throw new RefusedException(
                ErrorCode.IdempotencyStore, "The store of idempotency keys does not answer, so a repetition could not be told.", "Try again; look at GET /health.")
            { RetryAfterMs = 1000 };
        }
        catch
        {
            live.TryRemove(exchange.Id, out _);
            throw;
        }
    }

    /// <summary>Answers with what an earlier request got; it costs nothing.</summary>
    public static async Task ReplayAsync(Exchange exchange, Claim claim)
    {
        var kept = claim.Replay!;
        var response = exchange.Http.Response;
        response.StatusCode = kept.Status;
        foreach (var (header, values) in kept.Headers)
        {
            response.Headers[header] = values;
        }
        await exchange.WriteHeadersAsync();
        response.Headers["Idempotent-Replayed"] = "true";
        response.Headers["X-CM-Original-Request-ID"] = claim.Request.ToString();
        response.Headers["X-CM-Original-Cost"] = new NanoUsd(kept.Cost).ToString();
        response.ContentLength = kept.Body.Length;
        await response.Body.WriteAsync(kept.Body, exchange.Aborted);
    }

    /// <summary>Writes how a claim ended; false when the store did not take it.</summary>
    public async ValueTask<bool> EndAsync(EntryName name, KeyEntry before, KeyEntry? after)
    {
        try
        {
            var quota = after is { State: KeyState.Answered } ? options.Quota : null;
            return await store.ReplaceAsync(name, before.ToBytes(), after?.ToBytes() ?? default(ReadOnlyMemory<byte>), quota, CancellationToken.None) != EntryChange.Full;
        }
        catch (EntryStoreUnavailableException e)
        {
            // The entry stays as a claim; the ledger says later what became of it. One without a charge is taken back.
            if (after is null)
            {
                unmade.Add(name, before);
            }
            events.Add("gateway", ErrorCode.IdempotencyStore.Code, e.Message);
            Log.NotWritten(logger, before.Request, e.Message);
            return false;
        }
    }

    public void Forget(RequestId request) => live.TryRemove(request, out _);

    async ValueTask<Claim> ClaimAsync(EntryName name, KeyEntry mine, CallersKeys keys, CancellationToken ct)
    {
        for (var i = 0; i < MaxTakeOvers; i++)
        {
            var added = await store.AddAsync(name, mine.ToBytes(), options.TimeToLive, options.Quota, ct);
            if (added.Added)
            {
                return new Claim(this, name, mine, keys);
            }
            if (added.Full)
            {
                throw new RefusedException(
                    ErrorCode.IdempotencyKeysUsedUp, $"The org has used its {options.MaxKeysPerDay} idempotency keys of this UTC day.", "Send the request without one, or go on after midnight UTC.");
            }
            if (!KeyEntry.TryRead(added.Found, out var found))
            {
                throw Gone("an earlier request");
            }
            var sameSecret = CryptographicOperations.FixedTimeEquals(found.SecretTag, mine.SecretTag);
            if (sameSecret && !CryptographicOperations.FixedTimeEquals(found.Fingerprint, mine.Fingerprint))
            {
                throw new RefusedException(
                    ErrorCode.IdempotencyKeyReused, $"This idempotency key came with another request before, {found.Request}.", "Use a new key for a new request; repeat a request with the very same body.", "X-Idempotency-Key");
            }
            if (found.State == KeyState.Answered)
            {
                return sameSecret && keys.Decrypt(found.Answer) is { } bytes && KeptAnswer.Read(bytes) is { } answer
                    ? new Claim(this, name, found, keys, answer)
                    : throw Gone(found.Request.ToString());
            }
            if (found.State != KeyState.InFlight)
            {
                throw Gone(found.Request.ToString());
            }
            await RequireFreeAsync(name, found, ct);
            if (await store.ReplaceAsync(name, added.Found, mine.ToBytes(), quota: null, ct) == EntryChange.Changed)
            {
                return new Claim(this, name, mine, keys);
            }
        }
        throw InProgress();
    }

    // A claim may be taken over when its owner is gone and the provider cannot have billed it.
    async ValueTask RequireFreeAsync(EntryName name, KeyEntry found, CancellationToken ct)
    {
        var own = found.Owner == owner;
        if (own && unmade.Has(found.Request))
        {
            return;
        }
        // Without a shared store there is one process on these files: another owner is an earlier life.
        var dead = own ? !live.ContainsKey(found.Request) : settings.Shared is null || found.LeaseEnds <= time.GetUtcNow().ToUnixTimeMilliseconds();
        if (!dead)
        {
            throw InProgress();
        }
        UsageRecord? record;
        try
        {
            record = await ledger.FindAsync(name.Partition, found.Request, ct);
        }
        catch (LedgerUnavailableException e)
        {
            throw new EntryStoreUnavailableException(e.Message, e);
        }
        // An earlier life's records are all in the ledger before this one answers; a replica's may still be on its disk.
        var never = record is { Status: RecordStatus.Failed } || (record is null && !own && settings.Shared is null);
        if (!never)
        {
            if (record is not null)
            {
                await EndAsync(name, found, found with { State = KeyState.Charged });
            }
            throw Gone(found.Request.ToString());
        }
    }

    static RefusedException InProgress() => new(
        ErrorCode.IdempotencyInProgress, "The request with this idempotency key is still on its way.", "Send it again as late as Retry-After says, with the same key.", "X-Idempotency-Key")
    { RetryAfterMs = 1000 };

    static RefusedException Gone(string request) => new(
        ErrorCode.IdempotencyAnswerGone,
        $"The request with this idempotency key was made as {request} and may have been charged, but its answer is not kept.",
        "It is not made again. Look the record up, and use a new key to ask anew.",
        "X-Idempotency-Key");

    static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Warning, "{RequestId}: the end of its idempotency key was not stored: {Reason}")]
        public static partial void NotWritten(ILogger logger, RequestId requestId, string reason);
    }
}
