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
}
