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

    /// <summary>Records of the list from a place on, oldest first; none while Redis does not answer.</summary>
    public async Task<IReadOnlyList<UsageRecord>> ListAsync(long from, int count, CancellationToken ct)
    {
        try
        {
            var values = await client.ExecuteAsync(["LRANGE", Key, from, from + count - 1], ct).ConfigureAwait(false);
            List<UsageRecord> records = new(values.Count);
            foreach (var value in values.AsArray())
            {
                records.Add(RecordCodec.Read(value.AsSpan()));
            }
            return records;
        }
        catch (RespException)
        {
            return [];
        }
    }

    /// <summary>
    /// Brings the list to the ledger. A record leaves it only when the ledger has it; dying in between repeats a write that changes nothing.
    /// </summary>
    /// <returns>How many left the list, and how many of them the ledger did not have.</returns>
    /// <exception cref="LedgerUnavailableException">The ledger is still away; the list is as it was.</exception>
    /// <exception cref="RespException">Redis does not answer.</exception>
    public async Task<(int Replayed, int New)> ReplayAsync(CancellationToken ct)
    {
        var (replayed, added) = (0, 0);
        while (await client.ExecuteAsync(["LRANGE", Key, 0, Batch - 1], ct).ConfigureAwait(false) is { Count: > 0 } values)
        {
            List<UsageRecord> records = new(values.Count);
            foreach (var value in values.AsArray())
            {
                records.Add(RecordCodec.Read(value.AsSpan()));
            }
            added += await ledger.RecordAsync(records, ct).ConfigureAwait(false);
            // The counters follow what the ledger has.
            await counters.ConfirmAsync(await ledger.StoredAsync(records, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
            for (var i = 0; i < values.Count; i++)
            {
                await client.ExecuteAsync(["LREM", Key, 1, values[i].AsMemory()], ct).ConfigureAwait(false);
            }
            replayed += records.Count;
        }
        return (replayed, added);
    }
}
