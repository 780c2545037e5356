using System.Text;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// What this process knows of one org: its keys, all under the hash tag <c>{org}</c> so that they share a slot, and how far it has seen the counters.
/// </summary>
sealed class RedisOrg
{
    readonly byte[] dailyPrefix;
    readonly byte[] monthlyPrefix;
    readonly string tombstonePrefix;
    Periods periods;
    long seen;
    long dueAt;
    long skipped;

    /// <exception cref="ArgumentException">The id would end the hash tag early.</exception>
    public RedisOrg(string id, long now)
    {
        if (id.Length == 0 || id.AsSpan().ContainsAny('{', '}'))
        {
            throw new ArgumentException("An org's id is not empty and has no braces.", nameof(id));
        }
        Id = id;
        byte[] Key(string name) => Encoding.UTF8.GetBytes($"gateway:{name}:{{{id}}}");
        (State, Holds, Expiry, Held, Rates) = (Key("state"), Key("holds"), Key("expiry"), Key("held"), Key("rates"));
        (SessionCost, SessionsInUse, Unrecorded, Captured, PeriodSet) = (Key("session_cost"), Key("sessions"), Key("unrecorded"), Key("captured"), Key("periods"));
        (dailyPrefix, monthlyPrefix) = (Encoding.UTF8.GetBytes($"gateway:daily_cost:{{{id}}}:"), Encoding.UTF8.GetBytes($"gateway:monthly_cost:{{{id}}}:"));
        tombstonePrefix = $"gateway:ended:{{{id}}}:";
        periods = new Periods(this, DateOnly.MinValue);
        dueAt = now;
    }

    public string Id { get; }
    public byte[] State { get; }
    public byte[] Holds { get; }
    public byte[] Expiry { get; }
    public byte[] Held { get; }
    public byte[] Rates { get; }
    public byte[] SessionCost { get; }
    public byte[] SessionsInUse { get; }
    public byte[] Unrecorded { get; }
    public byte[] Captured { get; }
    public byte[] PeriodSet { get; }
    public RespArg DailyPrefix => dailyPrefix;
    public RespArg MonthlyPrefix => monthlyPrefix;
    public RespArg TombstonePrefix => tombstonePrefix;

    /// <summary>The epoch that this process may hold under; null when it has to ask first.</summary>
    public RedisEpoch? Epoch { get; set; }

    public SemaphoreSlim Attaching { get; } = new(1, 1);

    /// <summary>The last rebuild that was given all that this process has; null before it used the counters.</summary>
    public string? Built { get; set; }

    /// <summary>Highest number of changes seen; a store that has fewer lost some.</summary>
    public long Seen => Volatile.Read(ref seen);

    /// <summary>Timestamp before which no hold that this process knows of expires.</summary>
    public long DueAt => Volatile.Read(ref dueAt);

    /// <summary>Ended records of this process that the store does not remember and the ledger may lack; 0 when there are none.</summary>
    public long Skipped => Volatile.Read(ref skipped);

    /// <summary>What the journal must have brought to the ledger before <see cref="Skipped"/>, as it was then, is there.</summary>
    public (long Skipped, long Settled)? CatchingUp { get; set; }

    /// <summary>Timestamp of the last word to the store on them.</summary>
    public long SaidAt { get; set; }

    public Periods Of(DateOnly day)
    {
        var last = periods;
        return last.Day == day ? last : periods = new Periods(this, day);
    }

    /// <param name="count">0 for none.</param>
    public void Skip(long count)
    {
        if (count > 0)
        {
            Raise(ref skipped, count);
        }
    }

    /// <summary>The ledger has all of them.</summary>
    public void CaughtUp(long count) => Interlocked.CompareExchange(ref skipped, 0, count);

    public void Saw(long seq) => Raise(ref seen, seq);

    /// <summary>A new life of the store begins to count anew.</summary>
    public void SeeAnew(long seq) => Volatile.Write(ref seen, seq);

    public void Due(long at, bool soonest)
    {
        if (!soonest)
        {
            Volatile.Write(ref dueAt, at);
            return;
        }
        for (var now = DueAt; at < now;)
        {
            now = Interlocked.CompareExchange(ref dueAt, at, now) is var found && found == now ? at : found;
        }
    }

    static void Raise(ref long target, long value)
    {
        for (var now = Volatile.Read(ref target); value > now;)
        {
            now = Interlocked.CompareExchange(ref target, value, now) is var found && found == now ? value : found;
        }
    }

    /// <summary>The keys of a day and its month.</summary>
    public sealed class Periods
    {
        public Periods(RedisOrg org, DateOnly day)
        {
            (Day, DayText) = (day, Encoding.ASCII.GetBytes(day.ToString("yyyy-MM-dd")));
            (Daily, Monthly) = ([.. org.dailyPrefix, .. DayText], [.. org.monthlyPrefix, .. DayText.AsSpan(0, 7)]);
            HoldKeys = new RespWords(
            [
                org.State, org.Holds, org.Expiry, org.Held, org.Rates, Daily, Monthly, org.SessionCost, org.TombstonePrefix, org.Captured, org.PeriodSet, org.SessionsInUse,
                org.DailyPrefix, org.MonthlyPrefix,
            ]);
            EndKeys = new RespWords([org.State, org.Holds, org.Expiry, org.Held, Daily, Monthly, org.SessionCost, org.Unrecorded, org.TombstonePrefix]);
        }

        public DateOnly Day { get; }
        public byte[] DayText { get; }
        public byte[] Daily { get; }
        public byte[] Monthly { get; }
        public RespWords HoldKeys { get; }
        public RespWords EndKeys { get; }
    }
}

/// <param name="Name">The server process that the counters were built on.</param>
/// <param name="Generation">The connections by which it was asked; a lost one means that it must be asked again.</param>
sealed record RedisEpoch(string Name, long Generation)
{
    /// <summary>The name as it is sent.</summary>
    public byte[] Word { get; } = Encoding.ASCII.GetBytes(Name);
}
