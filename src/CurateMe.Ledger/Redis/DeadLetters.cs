using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// Records that the ledger refused repeatedly, where an operator sees them and any replica can bring them to the ledger. A copy: the journal keeps
/// its own until the ledger has the record, so a flushed Redis loses nothing.
/// </summary>
public sealed class DeadLetters(RespClient client, IUsageLedger ledger, ICounterStore counters)
{
    /// <summary>A list; its length 0 is healthy.</summary>
    public const string Key = "gateway:dlq:usage_records";

    /// <summary>A list of what stood in the other and is no record that this release can read: for an operator, or a newer release.</summary>
    public const string UnreadableKey = "gateway:dlq:unreadable";

    /// <summary>Records replayed in one step.</summary>
    const int Batch = 100;

    /// <summary>Puts a batch into the list.</summary>
    /// <exception cref="RespException">Redis did not take it, or may have.</exception>
    public async Task AddAsync(IReadOnlyList<UsageRecord> records, CancellationToken ct)
    {
        var words = new RespArg[records.Count + 2];
        (words[0], words[1]) = ("RPUSH", Key);
        for (var i = 0; i < records.Count; i++)
        {
            var bytes = new byte[RecordCodec.MaxBytes];
            words[i + 2] = bytes[..RecordCodec.Write(records[i], bytes)];
        }
        await client.ExecuteAsync(words, ct).ConfigureAwait(false);
    }

    /// <summary>Records in the list; null when Redis does not answer.</summary>
    public async Task<long?> DepthAsync(CancellationToken ct)
    {
        try
        {
            return (await client.ExecuteAsync(["LLEN", Key], ct).ConfigureAwait(false)).AsInt64();
        }
        catch (RespException)
        {
            return null;
        }
    }

    /// <summary>Records of the list from a place on, oldest first, without what cannot be read.</summary>
    /// <exception cref="RespException">Redis does not answer.</exception>
    public async Task<IReadOnlyList<UsageRecord>> ListAsync(long from, int count, CancellationToken ct)
    {
        var values = await client.ExecuteAsync(["LRANGE", Key, from, from + count - 1], ct).ConfigureAwait(false);
        return [.. Enumerable.Range(0, values.Count).Select(i => Read(values[i].AsSpan())).OfType<UsageRecord>()];
    }

    /// <summary>
    /// Brings the list to the ledger. A record leaves it only when the ledger has it; dying in between repeats a write that changes nothing. What is no record goes
    /// to <see cref="UnreadableKey"/>, so that it keeps nothing back.
    /// </summary>
    /// <returns>How many records left the list, how many of them the ledger did not have, and how many entries could not be read.</returns>
    /// <exception cref="LedgerUnavailableException">The ledger is still away; the list is as it was.</exception>
    /// <exception cref="RespException">Redis does not answer.</exception>
    public async Task<(int Replayed, int New, int Unreadable)> ReplayAsync(CancellationToken ct)
    {
        var (replayed, added, unreadable) = (0, 0, 0);
        while (await client.ExecuteAsync(["LRANGE", Key, 0, Batch - 1], ct).ConfigureAwait(false) is { Count: > 0 } values)
        {
            var read = Enumerable.Range(0, values.Count).Select(i => Read(values[i].AsSpan())).ToList();
            List<UsageRecord> records = [.. read.OfType<UsageRecord>()];
            added += await ledger.RecordAsync(records, ct).ConfigureAwait(false);
            // The counters follow what the ledger has.
            await counters.ConfirmAsync(await ledger.StoredAsync(records, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
            for (var i = 0; i < values.Count; i++)
            {
                if (read[i] is null)
                {
                    unreadable++;
                    await client.ExecuteAsync(["RPUSH", UnreadableKey, values[i].AsMemory()], ct).ConfigureAwait(false);
                }
                await client.ExecuteAsync(["LREM", Key, 1, values[i].AsMemory()], ct).ConfigureAwait(false);
            }
            replayed += records.Count;
        }
        return (replayed, added, unreadable);
    }

    static UsageRecord? Read(ReadOnlySpan<byte> entry)
    {
        try
        {
            return RecordCodec.Read(entry);
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException or IndexOutOfRangeException)
        {
            return null;
        }
    }
}
