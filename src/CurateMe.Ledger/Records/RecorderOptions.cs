namespace CurateMe.Ledger.Records;

/// <summary>How records move from the journal into the ledger.</summary>
public sealed class RecorderOptions
{
    /// <summary><c>COST_RECORDER_WORKERS</c>: batches written at the same time, 1 to 64.</summary>
    public int Workers { get; init; } = 2;

    /// <summary><c>COST_RECORDER_BATCH_SIZE</c>: records in one batch, 1 to 10,000. A write is one batch, or several where the ledger says so.</summary>
    public int BatchSize { get; init; } = 20;

    /// <summary>Batches that others may be ahead of one that the ledger refuses; beyond it they wait too, so that memory stays flat.</summary>
    public int MaxAhead { get; init; } = 256;

    /// <summary>How long a new record may wait for others to share its write.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How often the place in the journal is saved; after a crash, what came later is written to the ledger again, which changes nothing there.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Failed tries after which a batch is set aside, where there is a place for it: others go on, and it is tried again now and then.</summary>
    public int TriesBeforeDeadLetter { get; init; } = 8;

    /// <summary>Shortest and longest wait between tries while the ledger is away.</summary>
    public TimeSpan RetryFrom { get; init; } = TimeSpan.FromMilliseconds(100);
    public TimeSpan RetryTo { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>What <c>/gateway/admin/metrics</c> says of the recorder.</summary>
/// <param name="QueueDepth">Records in the journal that the ledger was not yet seen to have.</param>
/// <param name="DroppedRecords">Always 0: a record leaves the journal only when the ledger has it.</param>
/// <param name="OldestMs">Age of the oldest of them since it was settled.</param>
public sealed record RecorderFigures(long QueueDepth, long DroppedRecords, int Workers, int BatchSize, long OldestMs, long Recorded, long Retries, string? LastError);
