using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Idempotency;

/// <summary>
/// The right of one request to be the call of its idempotency key. However the request ends, the key's entry then says what a repetition gets: the answer, or
/// that it was charged; a request that cost nothing frees its key.
/// </summary>
sealed class Claim(IdempotentCalls calls, EntryName name, KeyEntry entry, CallersKeys keys, KeptAnswer? replay = null) : IAsyncDisposable
{
    UsageRecord? record;
    bool goesOn;
    bool ended = replay is not null;

    /// <summary>The answer of an earlier request; null when this one is the first.</summary>
    public KeptAnswer? Replay { get; } = replay;

    /// <summary>The request that the entry speaks of: this one, or the earlier.</summary>
    public RequestId Request => entry.Request;

    /// <summary>The record that tells whether the call was charged.</summary>
    public void Follows(UsageRecord followed) => record = followed;

    /// <summary>The call goes on at the provider after its answer, and will be billed: the key is not free again.</summary>
    public void GoesOn() => goesOn = true;

    public StreamCopy NewCopy() => new(calls.Options.MaxAnswerBytes);

    /// <summary>Keeps a whole, successful answer; anything else is left to the end.</summary>
    public async ValueTask KeepAsync(HttpResponseMessage answer, PlainAnswer? plain, ClientStream? stream, bool broken)
    {
        if (!answer.IsSuccessStatusCode || broken || plain is { Complete: false } || plain?.Length > calls.Options.MaxAnswerBytes || stream?.Copy is { TooLong: true })
        {
            return;
        }
        var kept = KeptAnswer.Of(answer, record!.Cost.Value, plain?.Memory.ToArray() ?? stream!.Copy!.ToArray());
        ended = await calls.EndAsync(name, entry, entry with { State = KeyState.Answered, Answer = keys.Encrypt(kept.ToBytes()) });
    }

    public async ValueTask DisposeAsync()
    {
        if (!ended)
        {
            ended = true;
            var free = !goesOn && record is null or { Status: RecordStatus.Held or RecordStatus.Failed };
            await calls.EndAsync(name, entry, free ? null : entry with { State = KeyState.Charged });
        }
        if (Replay is null)
        {
            calls.Forget(entry.Request);
        }
    }
}
