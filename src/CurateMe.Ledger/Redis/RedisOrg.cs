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

    /// <summary>Highest number of changes seen; a store that has fewer lost some.</summary>
    public long Seen => Volatile.Read(ref seen);

    /// <summary>Timestamp before which no hold that this process knows of expires.</summary>
    public long DueAt => Volatile.Read(ref dueAt);

    public RespArg Tombstone(RequestId id) => tombstonePrefix + id;

    public Periods Of(DateOnly day)
    {
        var last = periods;
        return last.Day == day ? last : periods = new Periods(this, day);
    }

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
    public sealed class Periods(RedisOrg org, DateOnly day)
    {
        public DateOnly Day { get; } = day;
        public byte[] DayText { get; } = Encoding.ASCII.GetBytes(day.ToString("yyyy-MM-dd"));
        public byte[] Daily { get; } = [.. org.dailyPrefix, .. Encoding.ASCII.GetBytes(day.ToString("yyyy-MM-dd"))];
        public byte[] Monthly { get; } = [.. org.monthlyPrefix, .. Encoding.ASCII.GetBytes(day.ToString("yyyy-MM"))];
    }
}

/// <param name="Name">The server process that the counters were built on.</param>
/// <param name="Generation">The connections by which it was asked; a lost one means that it must be asked again.</param>
sealed record RedisEpoch(string Name, long Generation);
