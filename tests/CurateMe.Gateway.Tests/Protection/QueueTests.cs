using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Protection;
using CurateMe.Gateway.Runners;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Protection;

public sealed class QueueTests
{
    static PolicyDocument Queueing(int depth, int waitMs, int? concurrency = 1, int? rpm = null) => new()
    {
        MaxConcurrency = concurrency is { } count ? new CountLimit(count) : null,
        RateLimitRpm = rpm is { } rate ? new CountLimit(rate) : null,
        Queue = new QueueDocument { MaxDepth = depth, MaxWaitMs = waitMs },
    };

    // Somebody's call in flight, which takes the org's one place.
    static async Task<Hold> OccupyAsync(GatewayRig rig, string key)
    {
        var principal = (await rig.Service<KeyDirectory>().FindAsync(key, default))!;
        var now = TimeProvider.System.GetUtcNow();
        var record = new UsageRecord
        {
            Id = RequestId.New(now),
            OrgId = principal.OrgId,
            KeyId = principal.KeyId,
            Provider = "openai",
            Model = Chat.Model,
            RequestedModel = Chat.Model,
            Endpoint = "chat.completions",
            Day = DateOnly.FromDateTime(now.UtcDateTime),
            Timestamp = now,
            PriceVersion = rig.Prices.Version,
        };
        var (hold, _) = await rig.Service<HoldDesk>().TakeAsync(new HoldRequest(record, principal.Path, new NanoUsd(1), new NanoUsd(1), TimeSpan.FromMinutes(10)), default);
        return hold!;
    }

    static Task WaitingAsync(GatewayRig rig, int count) => Poll.UntilAsync(() => rig.Service<WaitingRooms>().Count == count, $"{count} wait");

    [Fact]
    public async Task Request_OverConcurrency_WaitsForAPlace()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 2, waitMs: 60_000));
        var busy = await OccupyAsync(rig, key);
        var waiting = (Task<Answer>[])[rig.AskAsync(key), rig.AskAsync(key)];
        await WaitingAsync(rig, 2);
        Assert.All(waiting, w => Assert.False(w.IsCompleted));

        var refused = await rig.AskAsync(key);
        Assert.Equal((429, "rate_limited"), (refused.Status, refused.Code));
        Assert.Contains("queue is full: 2", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(refused.Header("Retry-After"));

        await busy.DisposeAsync();
        Assert.All(await Task.WhenAll(waiting), a => Assert.Equal(200, a.Status));
        await WaitingAsync(rig, 0);
        Assert.Equal(2, (await rig.RecordsAsync()).Count);
        Assert.Equal(0, (await rig.CellAsync("org")).Held.Value);
    }

    [Fact]
    public async Task Request_WhoseTimeIsOver_IsRefusedWithRetryAfter()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 5, waitMs: 300));
        await using var busy = await OccupyAsync(rig, key);
        var refused = await rig.AskAsync(key);
        Assert.Equal((429, "rate_limited", "1"), (refused.Status, refused.Code, refused.Header("Retry-After")));
        Assert.Equal(0, rig.Service<WaitingRooms>().Count);
    }

    [Fact]
    public async Task Client_ThatLeaves_LeavesTheQueue()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 5, waitMs: 60_000));
        await using var busy = await OccupyAsync(rig, key);
        using var leaving = new CancellationTokenSource();
        var asked = rig.ChatAsync(key, new { model = Chat.Model, messages = new[] { new { role = "user", content = "x" } } }, ct: leaving.Token);
        await WaitingAsync(rig, 1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await WaitingAsync(rig, 0);
    }

    [Fact]
    public async Task Burst_OverTheRate_IsServedAsTheRateAllows()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 50, waitMs: 60_000, concurrency: null, rpm: 60));
        var answers = await Task.WhenAll(Enumerable.Range(0, 63).Select(_ => rig.AskAsync(key)));
        Assert.All(answers, a => Assert.Equal(200, a.Status));
        Assert.Equal(63, (await rig.RecordsAsync()).Count);
    }

    [Fact]
    public async Task Rate_ThatIsFreeTooLate_RefusesAtOnce()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 50, waitMs: 1_000, concurrency: null, rpm: 1));
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        Assert.Equal(429, (await rig.AskAsync(key)).Status);
        Assert.Equal(0, rig.Service<WaitingRooms>().Count);
    }

    [Fact]
    public async Task Waiting_ForAnApprovedRequest_GivesTheApprovalBackWhenItFails()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Alerts.AlertRig.Token });
        var key = await rig.KeyAsync(policy: Queueing(depth: 5, waitMs: 200) with { HitlThreshold = MoneyLimit.FromDollars(0) });
        var pending = (await rig.AskAsync(key)).Json.GetProperty("approval_id").GetString()!;
        var token = (await Alerts.AlertRig.Admin(rig, "org_test").ApproveAsync(pending)).ApprovalToken!;
        await using (await OccupyAsync(rig, key))
        {
            Assert.Equal(429, (await rig.AskAsync(key, headers: ("X-CM-Approval-Token", token))).Status);
        }
        Assert.Equal(200, (await rig.AskAsync(key, headers: ("X-CM-Approval-Token", token))).Status);
    }

    // A limit that somebody sets while a request waits must be felt by that request: it would spend when its turn comes, up to ten minutes later.
    static async Task ChangeAsync(GatewayRig rig, string what)
    {
        var catalogue = rig.Service<Catalogue>();
        var key = (await catalogue.Keys.FindAsync("key_test", default))!;
        var audit = new AuditDraft(DateTimeOffset.UnixEpoch, "test", FromIp: null, what, "test", key.Id, key.OrgId, BeforeJson: null, AfterJson: null);
        var policy = Queueing(depth: 5, waitMs: 60_000);
        await (what switch
        {
            "key_disabled" => catalogue.CommitAsync([catalogue.Keys.Change(key, key.Value with { Disabled = true })], audit, default),
            "key_expired" => catalogue.CommitAsync([catalogue.Keys.Change(key, key.Value with { ExpiresAt = DateTimeOffset.UnixEpoch })], audit, default),
            "key_daily_budget" => catalogue.CommitAsync([catalogue.Keys.Change(key, key.Value with { DailyBudget = NanoUsd.Zero })], audit, default),
            "session_stopped" => catalogue.CommitAsync(
                [catalogue.StoppedSessions.New(SessionDirectory.IdOf("org_test", "agent", "night"), "org_test", lookup: null, new StoppedSessionDocument { RunnerId = "agent", SessionId = "night", StoppedAt = DateTimeOffset.UnixEpoch })],
                audit, default),
            "model_not_allowed" => rig.PolicyAsync("org_test", policy with { ModelAllowlist = ["other-model"] }),
            "cost_per_request" => rig.PolicyAsync("org_test", policy with { MaxCostPerRequest = MoneyLimit.FromDollars(0) }),
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        });
    }

    [Theory]
    [InlineData("key_disabled", 401)]
    [InlineData("key_expired", 401)]
    [InlineData("key_daily_budget", 403)]
    [InlineData("session_stopped", 403)]
    [InlineData("model_not_allowed", 403)]
    [InlineData("cost_per_request", 403)]
    public async Task Change_WhileARequestWaits_IsInForceForIt(string change, int status)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 5, waitMs: 60_000));
        var busy = await OccupyAsync(rig, key);
        var waiting = rig.AskAsync(key, headers: [("X-CM-Runner-ID", "agent"), ("X-CM-Session-ID", "night")]);
        await WaitingAsync(rig, 1);

        await ChangeAsync(rig, change);
        await busy.DisposeAsync();

        var answer = await waiting;
        Assert.Equal((status, change), (answer.Status, answer.Code));
        Assert.Empty(rig.Simulator.Bill.Entries);
        Assert.Equal(0, (await rig.CellAsync("org")).Held.Value);
        await WaitingAsync(rig, 0);
    }

    [Fact]
    public async Task Key_ThatIsGivenToATeamWhileItsRequestWaits_IsChargedThere()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Queueing(depth: 5, waitMs: 60_000));
        var busy = await OccupyAsync(rig, key);
        var waiting = rig.AskAsync(key);
        await WaitingAsync(rig, 1);

        var catalogue = rig.Service<Catalogue>();
        var stored = (await catalogue.Keys.FindAsync("key_test", default))!;
        await catalogue.CommitAsync(
            [
                catalogue.Teams.New("team_a", "org_test", lookup: null, new TeamDocument { TeamId = "team_a", OrgId = "org_test", Name = "A", CreatedAt = DateTimeOffset.UnixEpoch }),
                catalogue.Keys.Change(stored, stored.Value with { TeamId = "team_a" }),
            ],
            audit: null, default);
        await busy.DisposeAsync();

        Assert.Equal(200, (await waiting).Status);
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal("team_a", record.TeamId);
        Assert.Equal(record.Cost, (await rig.CellAsync("team:team_a")).Spent);
    }

    [Fact]
    public async Task Places_AreOfferedToKeysInTurn()
    {
        var rooms = new WaitingRooms();
        var many = Enumerable.Range(0, 5).Select(_ => rooms.Enter("org", "many", 10)!).ToArray();
        var few = Enumerable.Range(0, 2).Select(_ => rooms.Enter("org", "few", 10)!).ToArray();
        List<string> served = [];
        for (var i = 0; i < 4; i++)
        {
            foreach (var place in many.Concat(few))
            {
                await place.OfferedAsync(TimeSpan.Zero, default);
            }
            rooms.OnEnded("org");
            WaitingRooms.Place? next = null;
            foreach (var place in many.Concat(few))
            {
                next = await place.OfferedAsync(TimeSpan.Zero, default) ? place : next;
            }
            Assert.True(next!.IsFront);
            served.Add(next.KeyId);
            rooms.Leave(next);
        }
        Assert.Equal(["many", "few", "many", "few"], served);
        Assert.Equal(3, rooms.Count);
        Assert.False(rooms.Waits("org", "few"));
        Assert.True(rooms.Waits("org", "many"));
        Assert.Null(rooms.Enter("org", "few", 3));
    }

    [Fact]
    public async Task CountersAway_ForAnApprovedRequest_GiveTheApprovalBack()
    {
        FaultyCounters? counters = null;
        await using var rig = await GatewayRig.StartAsync(
            new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Alerts.AlertRig.Token },
            services: s => s.AddSingleton<ICounterStore>(p => counters = new FaultyCounters(new InProcessCounters(p.GetRequiredService<TimeProvider>()))));
        var key = await rig.KeyAsync(policy: new PolicyDocument { HitlThreshold = MoneyLimit.FromDollars(0) });
        var pending = (await rig.AskAsync(key)).Json.GetProperty("approval_id").GetString()!;
        var token = (await Alerts.AlertRig.Admin(rig, "org_test").ApproveAsync(pending)).ApprovalToken!;
        counters!.Before = static operation => operation == "hold" ? FaultyCounters.Away() : null;
        Assert.Equal(503, (await rig.AskAsync(key, headers: ("X-CM-Approval-Token", token))).Status);
        counters.Before = static _ => null;
        Assert.Equal(400, (await rig.AskAsync(key, headers: [("X-CM-Approval-Token", token), ("X-CM-Tags", "no json")])).Status);
        Assert.Equal(200, (await rig.AskAsync(key, headers: ("X-CM-Approval-Token", token))).Status);
    }
}
