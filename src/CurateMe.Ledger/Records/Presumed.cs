namespace CurateMe.Ledger.Records;

/// <summary>The record of a call whose end nobody saw: charged at its hold, so never below the bill, and marked for review (I3, I5).</summary>
public static class Presumed
{
    /// <summary>Completes a held record.</summary>
    public static void Complete(UsageRecord record, RecordStatus status, DateTimeOffset now)
    {
        record.Status = status;
        record.Source = UsageSource.Presumed;
        record.Usage = default;
        record.Cost = record.Hold;
        record.LatencyMs = (int)Math.Clamp((now - record.Timestamp).TotalMilliseconds, 0, int.MaxValue);
    }
}
