using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Bench.Ledger;

/// <summary>
/// A month of an org as a platform team sees it: 12 teams, 200 keys, 15 models of 5 providers, 40 runners with sessions of some twenty requests, tags with some hundred combinations; busier by day than by
/// night. In order of time, as a ledger gets them.
/// </summary>
sealed class MonthOfRecords(int seed, int count)
{
    internal const string Org = "org_bench";

    internal static readonly DateOnly First = new(2026, 3, 1);
    internal static readonly DateTimeOffset From = new(First, TimeOnly.MinValue, TimeSpan.Zero);
    internal static readonly DateTimeOffset End = From.AddMonths(1);

    static readonly (string Provider, string Model)[] Models =
        [.. Enumerable.Range(0, 15).Select(static i => ($"provider-{i % 5}", $"model-{i:00}"))];

    const int Runners = 40;

    static readonly string[] Apps = ["web", "mobile", "search", "support", "batch", "agents"];
    static readonly string[] Envs = ["prod", "staging", "dev"];

    readonly Random _random = new(seed);
    readonly int[] _sessions = new int[Runners];

    internal IEnumerable<UsageRecord[]> Batches(int size)
    {
        var step = (End - From) / count;
        var batch = new List<UsageRecord>(size);
        for (var i = 0; i < count; i++)
        {
            batch.Add(Make(From + (step * i), i));
            if (batch.Count == size || i == count - 1)
            {
                yield return [.. batch];
                batch.Clear();
            }
        }
    }

    UsageRecord Make(DateTimeOffset at, int number)
    {
        // Few keys and models make most of the requests.
        var key = (int)(200 * Math.Pow(_random.NextDouble(), 2));
        var (provider, model) = Models[(int)(Models.Length * Math.Pow(_random.NextDouble(), 2))];
        var runner = key % 5 == 0 ? key / 5 : -1;
        if (runner >= 0 && _random.Next(20) == 0) _sessions[runner]++;
        var usage = new UsageCounts { [BilledUnit.InputToken] = _random.Next(20, 4_000), [BilledUnit.OutputToken] = _random.Next(1, 1_000) };
        var cost = (usage[BilledUnit.InputToken] * 150) + (usage[BilledUnit.OutputToken] * 600);
        return new UsageRecord
        {
            Id = new RequestId(new UInt128(((ulong)at.ToUnixTimeMilliseconds() << 16) | (ushort)_random.Next(1 << 16), ((ulong)number << 32) | (uint)_random.Next())),
            OrgId = Org,
            TeamId = $"team_{key % 12:00}",
            KeyId = $"key_{key:000}",
            RunnerId = runner < 0 ? null : $"runner_{runner:00}",
            SessionId = runner < 0 ? null : $"runner_{runner:00}/s{_sessions[runner]:000000}",
            Provider = provider,
            Model = model,
            RequestedModel = model,
            Endpoint = "chat.completions",
            Stream = _random.Next(2) == 0,
            Day = DateOnly.FromDateTime(at.UtcDateTime),
            Timestamp = at,
            Hold = new NanoUsd(cost * 2),
            PriceVersion = "bench",
            ClientIp = "10.0.0.7",
            Tags = $"app={Apps[key % Apps.Length]},env={Envs[_random.Next(3)]},feature=f{_random.Next(10)}",
            PromptHash = (ulong)_random.NextInt64(),
            Status = RecordStatus.Settled,
            StatusCode = 200,
            Usage = usage,
            Cost = new NanoUsd(cost),
            LatencyMs = _random.Next(200, 20_000),
            TtftMs = _random.Next(100, 1_000),
        };
    }
}
