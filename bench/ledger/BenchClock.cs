namespace CurateMe.Bench.Ledger;

/// <summary>Goes along with the records, so that none is late.</summary>
sealed class BenchClock(DateTimeOffset now) : TimeProvider
{
    internal DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
