using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Records;

/// <summary>Seeded usage records of a few orgs, keys, models and sessions, admitted between two instants.</summary>
internal sealed class RandomRecords(int seed, DateTimeOffset from, DateTimeOffset to)
{
    readonly Random _random = new(seed);

    internal static readonly string[] Orgs = ["org_a", "org_b", "org_ä"];
    static readonly string[] Models = ["gpt-5.1", "gpt-4o-mini", "claude-opus-4"];
    static readonly string?[] Tags = [null, "app=web", "app=web,env=prod", "env=prod,webapp=x", "env=it's"];
    static readonly RecordStatus[] Ended = [.. Enum.GetValues<RecordStatus>().Where(status => status != RecordStatus.Held)];

    internal Random Random => _random;

    internal List<UsageRecord> Make(int count) => [.. Enumerable.Range(0, count).Select(_ => Make())];

    internal UsageRecord Make(string? orgId = null)
    {
        var at = from.AddMilliseconds(_random.NextInt64((long)(to - from).TotalMilliseconds));
        var key = _random.Next(6);
        var inSession = _random.Next(3) == 0;
        var model = _random.Next(Models.Length);
        var hold = _random.NextInt64(1_000_000_000);
        return new UsageRecord
        {
            Id = NewId(at),
            OrgId = orgId ?? Orgs[_random.Next(Orgs.Length)],
            TeamId = key % 3 == 0 ? null : $"team_{key % 3}",
            KeyId = $"key_{key}",
            RunnerId = inSession ? $"runner_{key % 2}" : null,
            SessionId = inSession ? $"sess_{_random.Next(5)}" : null,
            Provider = model == 2 ? "anthropic" : "openai",
            Model = Models[model],
            RequestedModel = $"{Models[model]}-latest",
            Endpoint = "chat.completions",
            Stream = _random.Next(2) == 0,
            Day = DateOnly.FromDateTime(at.UtcDateTime),
            Timestamp = at,
            Hold = new NanoUsd(hold),
            PriceVersion = "2026-08-06",
            Tier = (ServiceTier)_random.Next(Enum.GetValues<ServiceTier>().Length),
            ClientIp = _random.Next(2) == 0 ? "10.0.0.7" : null,
            Tags = Tags[_random.Next(Tags.Length)],
            PromptHash = (ulong)_random.NextInt64(long.MinValue, long.MaxValue),
            Status = Ended[_random.Next(Ended.Length)],
            StatusCode = 200,
            Usage = RandomUsage(),
            Source = (UsageSource)_random.Next(3),
            Cost = new NanoUsd(_random.Next(5) == 0 ? 0 : _random.NextInt64(hold + 1)),
            LatencyMs = _random.Next(60_000),
            TtftMs = _random.Next(1_000),
        };
    }

    internal RequestId NewId(DateTimeOffset at) =>
        new(new UInt128(((ulong)at.ToUnixTimeMilliseconds() << 16) | (ushort)_random.Next(1 << 16), (ulong)_random.NextInt64(long.MinValue, long.MaxValue)));

    UsageCounts RandomUsage()
    {
        var usage = new UsageCounts { [BilledUnit.InputToken] = _random.Next(5_000), [BilledUnit.OutputToken] = _random.Next(2_000) };
        for (var extra = _random.Next(4); extra > 0; extra--) usage[(BilledUnit)_random.Next(BilledUnits.Count)] = _random.Next(1_000);
        return usage;
    }
}
