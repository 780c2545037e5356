namespace CurateMe.Ledger.Records;

/// <summary>What every ledger asks of a batch.</summary>
internal static class LedgerBatch
{
    /// <exception cref="ArgumentException">The batch is too long, or a record in it has not ended.</exception>
    internal static void Check(IReadOnlyList<UsageRecord> batch)
    {
        if (batch.Count > IUsageLedger.MaxBatch) throw new ArgumentException($"A batch has at most {IUsageLedger.MaxBatch} records.", nameof(batch));
        for (var i = 0; i < batch.Count; i++)
        {
            if (batch[i].Status == RecordStatus.Held) throw new ArgumentException($"Record {batch[i].Id} is still held: it belongs in the journal.", nameof(batch));
        }
    }

    /// <summary>What the ledger has under the ids of a batch that was recorded; a record that it does not give stays as it is.</summary>
    internal static async Task<List<UsageRecord>> StoredAsync(this IUsageLedger ledger, IReadOnlyList<UsageRecord> batch, CancellationToken ct)
    {
        List<UsageRecord> stored = new(batch.Count);
        foreach (var org in batch.GroupBy(static r => r.OrgId, StringComparer.Ordinal))
        {
            var found = (await ledger.FindManyAsync(org.Key, [.. org.Select(static r => r.Id).Distinct()], ct).ConfigureAwait(false)).ToDictionary(static r => r.Id);
            stored.AddRange(org.Select(record => found.GetValueOrDefault(record.Id) ?? record));
        }
        return stored;
    }
}
