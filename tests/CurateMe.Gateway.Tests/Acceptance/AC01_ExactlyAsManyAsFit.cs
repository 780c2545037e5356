using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC01_ExactlyAsManyAsFit
{
    const string InFlight = "latency_ms=60000";

    public enum Blocker
    {
        OrgDay,
        OrgMonth,
        TeamDay,
        TeamMonth,
        KeyDay,
        KeyMonth,
    }

    [Theory]
    [InlineData(Blocker.OrgDay, 1000, 137)]
    [InlineData(Blocker.TeamMonth, 200, 31)]
    [InlineData(Blocker.KeyDay, 200, 1)]
    public async Task Parallel_BudgetFitsK_ExactlyKAreAdmitted(Blocker blocker, int requests, int fits)
    {
        var gate = new GateClock();
        await using var rig = await GatewayRig.StartAsync(simulator: new SimulatorOptions { Time = gate });
        var hold = await HoldOfOneAsync(rig);
        var limit = new NanoUsd((hold.Value * fits) + hold.Value - 1);
        var key = await rig.KeyAsync("org_a", PolicyOf(blocker, limit), "key_a", k => k with { DailyBudget = At(Blocker.KeyDay), MonthlyBudget = At(Blocker.KeyMonth) }, Team("team_a", At(Blocker.TeamDay), At(Blocker.TeamMonth)));
        NanoUsd? At(Blocker node) => node == blocker ? limit : null;

        await RunAsync(rig, gate, "org_a", fits, LimitsOf(blocker, limit), [.. Enumerable.Range(0, requests).Select(i => (key, i % 3 == 0 ? $"s{i % 7}" : null))]);
    }

    [Fact]
    public async Task Parallel_LimitsAtEveryNodeAtOnce_FillTheOrgExactly()
    {
        var gate = new GateClock();
        await using var rig = await GatewayRig.StartAsync(simulator: new SimulatorOptions { Time = gate });
        var hold = await HoldOfOneAsync(rig);
        NanoUsd Fits(int requests) => new(hold.Value * requests);
        // Team A takes 40 at most, team B 30: together more than the 60 of the org, so the org always fills up.
        var policy = new PolicyDocument { DailyBudget = new MoneyLimit(Fits(60)), MaxCostPerRequest = MoneyLimit.Unlimited, MonthlyBudget = new MoneyLimit(Fits(70)) };
        var a1 = await rig.KeyAsync("org_a", policy, "key_a1", k => k with { DailyBudget = Fits(25) }, Team("team_a", Fits(40), null));
        var a2 = await rig.KeyAsync("org_a", policy, "key_a2", null, Team("team_a", Fits(40), null));
        var b1 = await rig.KeyAsync("org_a", policy, "key_b1", k => k with { MonthlyBudget = Fits(30) }, Team("team_b", null, Fits(30)));
        var limits = new Dictionary<(string, PeriodKind), NanoUsd>
        {
            [("org", PeriodKind.Day)] = Fits(60),
            [("org", PeriodKind.Month)] = Fits(70),
            [("team:team_a", PeriodKind.Day)] = Fits(40),
            [("team:team_b", PeriodKind.Month)] = Fits(30),
            [("key:key_a1", PeriodKind.Day)] = Fits(25),
            [("key:key_b1", PeriodKind.Month)] = Fits(30),
        };

        await RunAsync(rig, gate, "org_a", 60, limits, [.. Enumerable.Range(0, 240).Select(i => (new[] { a1, a2, b1 }[i % 3], i % 2 == 0 ? "s1" : null))]);
    }

    [Fact]
    public async Task Parallel_CallsEndWhileOthersBegin_NeverPastTheLimitAndTheBillIsTheLedger()
    {
        await using var rig = await GatewayRig.StartAsync();
        var hold = await HoldOfOneAsync(rig);
        var limit = new NanoUsd(hold.Value * 20);
        var key = await rig.KeyAsync("org_a", PolicyOf(Blocker.OrgDay, limit), "key_a");
        using var stop = new CancellationTokenSource();
        var watch = rig.WatchAsync("org_a", LimitsOf(Blocker.OrgDay, limit), stop.Token);

        var answers = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => rig.AskAsync(key, Chat.Body(stream: i % 2 == 0), sim: $"output_tokens={i % 20};latency_ms={i % 5}")));

        await stop.CancelAsync();
        Assert.True(await watch > 0);
        Assert.All(answers, static a => Assert.True(a.Status is 200 or 403, a.ToString()));
        var records = await rig.AssertBooksAsync("org_a", wholeBill: false);
        Assert.Equal(answers.Count(static a => a.Status == 200), records.Count);
        Assert.True(records.Count >= 10, $"only {records.Count} were admitted");
        Assert.True(new NanoUsd(records.Sum(static r => r.Cost.Value)) <= limit);
    }

    // What the request of these tests is held at, learnt from one that is not limited.
    internal static async Task<NanoUsd> HoldOfOneAsync(GatewayRig rig, string? body = null)
    {
        var org = "org_probe" + Guid.NewGuid().ToString("N")[..8];
        var key = await rig.KeyAsync(org, new PolicyDocument { MaxCostPerRequest = MoneyLimit.Unlimited }, "key_" + org);
        var answer = await rig.AskAsync(key, body);
        Assert.True(answer.Status == 200, answer.ToString());
        return (await rig.RecordAsync(org)).Hold;
    }

    internal static TeamDocument Team(string id, NanoUsd? day, NanoUsd? month, string org = "org_a") =>
        new() { TeamId = id, OrgId = org, Name = id, DailyBudget = day, MonthlyBudget = month, CreatedAt = DateTimeOffset.UnixEpoch };

    internal static PolicyDocument PolicyOf(Blocker blocker, NanoUsd limit) => new()
    {
        DailyBudget = blocker == Blocker.OrgDay ? new MoneyLimit(limit) : MoneyLimit.Unlimited,
        MonthlyBudget = blocker == Blocker.OrgMonth ? new MoneyLimit(limit) : MoneyLimit.Unlimited,
        MaxCostPerRequest = MoneyLimit.Unlimited,
    };

    internal static Dictionary<(string, PeriodKind), NanoUsd> LimitsOf(Blocker blocker, NanoUsd limit) => new()
    {
        [blocker switch
        {
            Blocker.OrgDay => ("org", PeriodKind.Day),
            Blocker.OrgMonth => ("org", PeriodKind.Month),
            Blocker.TeamDay => ("team:team_a", PeriodKind.Day),
            Blocker.TeamMonth => ("team:team_a", PeriodKind.Month),
            Blocker.KeyDay => ("key:key_a", PeriodKind.Day),
            _ => ("key:key_a", PeriodKind.Month),
        }] = limit,
    };

    // Everyone asks while nobody is answered, so that what is admitted is what fits.
    static async Task RunAsync(GatewayRig rig, GateClock gate, string org, int fits, IReadOnlyDictionary<(string, PeriodKind), NanoUsd> limits, List<(string Key, string? Session)> requests)
    {
        using var stop = new CancellationTokenSource();
        var watch = rig.WatchAsync(org, limits, stop.Token);
        var tasks = requests.Select((r, i) => rig.AskAsync(r.Key, sim: InFlight, session: r.Session)).ToList();
        await Poll.UntilAsync(() => tasks.Count(static t => t.IsCompleted) >= requests.Count - fits, "all others are refused");
        Assert.Equal(fits, (await rig.Service<ICounterStore>().CheckAsync(default)).LiveHolds);
        gate.Open();
        var answers = await Task.WhenAll(tasks);

        await stop.CancelAsync();
        Assert.True(await watch > 0);
        Assert.Equal(fits, answers.Count(static a => a.Status == 200));
        Assert.Equal(requests.Count - fits, answers.Count(static a => a.Status == 403));
        var records = await rig.AssertBooksAsync(org, wholeBill: false);
        Assert.Equal(fits, records.Count);
        Assert.All(records, static r => Assert.Equal(RecordStatus.Settled, r.Status));
    }
}
