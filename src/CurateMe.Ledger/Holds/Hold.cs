using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Holds;

/// <summary>
/// Money set aside for one call. Whoever holds this object leaves it by <c>await using</c>, and leaving it by any exit ends the hold
/// exactly once (I2), by what was told to it on the way:
/// <list type="number">
/// <item>never forwarded: voided, nothing is charged and nothing recorded;</item>
/// <item>forwarded and <see cref="NotBilled"/>: nothing is charged, recorded at $0;</item>
/// <item><see cref="Billed"/>: charged what the usage costs;</item>
/// <item>forwarded and nothing said, or <see cref="Presumed"/>: charged in full and marked presumed, since the provider may still bill it (I5).</item>
/// </list>
/// Not thread-safe: one request, one flow.
/// </summary>
public sealed class Hold : IAsyncDisposable
{
    /// <summary>
    /// The dearest call that a provider is believed, in dollars, unless more was held for it. Counts above it are a mistake, such as the largest number there is for "unknown":
    /// charged, one would close an org for good, and two could not be summed.
    /// </summary>
    public const long MostBelievedDollars = 1_000_000;

    readonly HoldDesk desk;
    Stage stage;

    internal Hold(HoldDesk desk, UsageRecord record, HoldOutcome outcome)
    {
        this.desk = desk;
        Record = record;
        Outcome = outcome;
    }

    enum Stage : byte
    {
        Taken,
        Forwarding,
        NotBilled,
        Billed,
        Ended,
    }

    /// <summary>The record this hold ends in.</summary>
    public UsageRecord Record { get; }

    /// <summary>What the counters said when it was taken.</summary>
    public HoldOutcome Outcome { get; }

    /// <summary>What the counters said when it ended; default before.</summary>
    public EndOutcome End { get; private set; }

    /// <summary>From here on the provider may bill. Said again before each retry.</summary>
    /// <exception cref="InvalidOperationException">It was billed, or has ended.</exception>
    public void Forwarding() => Advance(Stage.Forwarding);

    /// <summary>The provider refused, failed or was not reached, and bills nothing.</summary>
    /// <param name="statusCode">Its HTTP status; where it gave none, that of the gateway's answer.</param>
    /// <exception cref="InvalidOperationException">It was billed, or has ended.</exception>
    public void NotBilled(int statusCode)
    {
        Advance(Stage.NotBilled);
        Record.Status = RecordStatus.Failed;
        Record.StatusCode = statusCode;
    }

    /// <summary>The provider bills this. Said again, the last word counts.</summary>
    /// <param name="price">What the counts are priced by; its version is the record's.</param>
    /// <param name="status">How the call ended; not <see cref="RecordStatus.Held"/>.</param>
    /// <exception cref="OverflowException">The cost is beyond the hold and beyond <see cref="MostBelievedDollars"/>; the hold then ends as if nothing had been said.</exception>
    /// <exception cref="InvalidOperationException">It has ended.</exception>
    public void Billed(in UsageCounts usage, ModelPrice price, UsageSource source, RecordStatus status, string? imageVariant = null)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(status, RecordStatus.Held);
        var cost = price.Cost(in usage, Record.Tier, imageVariant).CeilToNano();
        if (cost > Record.Hold && cost > NanoUsd.FromDollars(MostBelievedDollars))
        {
            throw new OverflowException($"A cost of ${cost} for one request is not believed.");
        }
        Advance(Stage.Billed);
        Record.Usage = usage;
        Record.Source = source;
        Record.Status = status;
        // An estimate is no bill: it never takes more than was set aside.
        Record.Cost = source == UsageSource.Estimated ? NanoUsd.Min(cost, Record.Hold) : cost;
    }

    /// <summary>The provider bills, nobody knows how much: charged in full, for review.</summary>
    public void Presumed(RecordStatus status)
    {
        Advance(Stage.Billed);
        Records.Presumed.Complete(Record, status, desk.Now);
    }

    /// <summary>
    /// Passes the hold on to an owner that outlives this scope, because the call goes on without it. This object is then at its end and does nothing
    /// more; whoever gets the new one must end it.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was billed, or has ended.</exception>
    public Hold HandOver()
    {
        Advance(Stage.Forwarding);
        stage = Stage.Ended;
        return new Hold(desk, Record, Outcome) { stage = Stage.Forwarding };
    }

    /// <summary>Ends the hold by what is known now; the second call does nothing. Waits until the journal has the end.</summary>
    public async ValueTask DisposeAsync()
    {
        if (stage == Stage.Ended)
        {
            return;
        }
        if (stage == Stage.Forwarding)
        {
            Presumed(RecordStatus.Abandoned);
        }
        stage = Stage.Ended;
        Record.LatencyMs = (int)Math.Clamp((desk.Now - Record.Timestamp).TotalMilliseconds, 0, int.MaxValue);
        End = await desk.EndAsync(Record).ConfigureAwait(false);
    }

    void Advance(Stage next)
    {
        if (stage == Stage.Ended)
        {
            throw new InvalidOperationException("The hold has ended.");
        }
        if (stage == Stage.Billed && next != Stage.Billed)
        {
            throw new InvalidOperationException("The provider has billed; what was charged is not taken back.");
        }
        stage = next;
    }
}
