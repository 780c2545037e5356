using CurateMe.Client;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC07_FailureAtEveryStep
{
    [Theory]
    [InlineData(400, 400)]
    [InlineData(401, 401)]
    [InlineData(404, 404)]
    [InlineData(429, 429)]
    public async Task Provider_Refuses_AnswerPassesAndNothingIsCharged(int status, int expected)
    {
        await using var rig = await GatewayRig.StartAsync(settings: Quick);
        var key = await rig.KeyAsync();
        foreach (var stream in new[] { false, true })
        {
            var answer = await rig.AskAsync(key, Chat.Body(stream: stream), $"status={status};retry_after=7");

            Assert.Equal(expected, answer.Status);
            Assert.NotEmpty(answer.Message);
            Assert.False(answer.Error.TryGetProperty("gateway_error_code", out _));
            Assert.Equal("7", answer.Header("Retry-After"));
            Assert.Equal("0", answer.Header("X-CM-Cost"));
        }
        var records = await rig.AssertBooksAsync();
        Assert.Equal(2, records.Count);
        Assert.All(records, r => Assert.True(r.Status == RecordStatus.Failed && r.StatusCode == status && r.Cost == NanoUsd.Zero && r.Source == UsageSource.Provider));
    }

    [Theory]
    [InlineData("status=503;attempts=2", 200)]
    [InlineData("status=500;attempts=1", 200)]
    [InlineData("status=503;attempts=3", 502)]
    [InlineData("status=429;attempts=1", 429)]
    public async Task Provider_FailsAtFirst_IsAskedAgainOnlyWhereNothingWasBilled(string sim, int expected)
    {
        await using var rig = await GatewayRig.StartAsync(settings: Quick);
        var key = await rig.KeyAsync();

        Assert.Equal(expected, (await rig.AskAsync(key, sim: sim)).Status);

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal(expected == 200 ? rig.Bill() : NanoUsd.Zero, record.Cost);
        Assert.Equal(expected == 200 ? 1 : 0, rig.Simulator.Bill.Entries.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Provider_ResetsBeforeTheAnswer_502AndNothingIsCharged(bool stream)
    {
        await using var rig = await GatewayRig.StartAsync(settings: Quick);
        var key = await rig.KeyAsync();
        // The second call goes over a connection that was used before.
        await rig.AskAsync(key);

        var answer = await rig.AskAsync(key, Chat.Body(stream: stream), "fail=connect_reset_before_headers");

        Assert.Equal((502, "upstream_error"), (answer.Status, answer.Code));
        Assert.Equal("GW_UP_001", answer.Error.GetProperty("gateway_error_code").GetString());
        Assert.Equal(NanoUsd.Zero, answer.Cost);
        var records = await rig.AssertBooksAsync();
        Assert.Equal(2, records.Count);
        var record = records.Single(r => r.Id.ToString() == answer.Id);
        Assert.Equal((RecordStatus.Failed, 502, UsageSource.Provider), (record.Status, record.StatusCode, record.Source));
    }

    [Fact]
    public async Task Provider_NotThere_502AndNothingIsCharged()
    {
        await using var rig = await GatewayRig.StartAsync(settings: s => Quick(s) with { Providers = [.. s.Providers.Select(static p => p with { BaseUrl = "http://127.0.0.1:1/v1" })] });
        var key = await rig.KeyAsync();

        var answer = await rig.AskAsync(key);

        Assert.Equal((502, "upstream_error"), (answer.Status, answer.Code));
        Assert.DoesNotContain("127.0.0.1", answer.Text, StringComparison.Ordinal);
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((NanoUsd.Zero, 502, UsageSource.Provider), (record.Cost, record.StatusCode, record.Source));
    }

    [Theory]
    [InlineData("fail=reset_after_headers", false)]
    [InlineData("fail=reset_after_headers", true)]
    [InlineData("fail=cut_after_bytes:1", false)]
    [InlineData("fail=cut_after_bytes:1", true)]
    [InlineData("fail=cut_after_bytes:700", true)]
    [InlineData("fail=cut_after_bytes:2500", true)]
    public async Task Provider_ResetsInTheAnswer_ClientSeesItBrokenAndItIsCharged(string sim, bool stream)
    {
        await using var rig = await GatewayRig.StartAsync(settings: Quick);
        var key = await rig.KeyAsync();

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => rig.AskAsync(key, Chat.Body(stream: stream), sim));

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((RecordStatus.UpstreamBroken, UsageSource.Estimated), (record.Status, record.Source));
        Assert.True(record.Cost > NanoUsd.Zero && record.Cost <= record.Hold);
    }

    [Fact]
    public async Task Provider_ResetsInTheAnswer_PolicyHold_ChargesTheHold()
    {
        await using var rig = await GatewayRig.StartAsync(settings: Quick);
        var key = await rig.KeyAsync(policy: new PolicyDocument { OnMissingUsage = OnMissingUsage.Hold });

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => rig.AskAsync(key, Chat.Body(stream: true), "fail=cut_after_bytes:900"));

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((UsageSource.Presumed, record.Hold), (record.Source, record.Cost));
    }

    [Theory]
    [InlineData("fail=hang", false, 504)]
    [InlineData("fail=hang", true, 504)]
    [InlineData("latency_ms=600000", false, 504)]
    [InlineData("fail=stall", true, 0)]
    // Usage told on the way is not the bill: it must not make the same end cheaper.
    [InlineData("usage=cumulative;output_tokens=20;fail=stall", true, 0)]
    public async Task Provider_NeverEnds_TimesOutAndIsPresumed(string sim, bool stream, int status)
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Forward:TotalTimeoutSeconds"] = "1", ["Forward:StreamIdleTimeoutSeconds"] = "1" });
        var key = await rig.KeyAsync();
        if (status == 0)
        {
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => rig.AskAsync(key, Chat.Body(stream: stream), sim));
        }
        else
        {
            var answer = await rig.AskAsync(key, Chat.Body(stream: stream), sim);
            Assert.Equal((status, "upstream_timeout"), (answer.Status, answer.Code));
        }
        await rig.QuietAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal((UsageSource.Presumed, RecordStatus.Abandoned, record.Hold), (record.Source, record.Status, record.Cost));
        // A provider that began its answer has a status of its own.
        Assert.Equal(status == 0 ? 200 : 504, record.StatusCode);
        await rig.AssertBooksAsync();
    }

    [Fact]
    public async Task Provider_FailsUntilTheTimeIsUp_TimesOutAndCostsNothing()
    {
        await using var rig = await GatewayRig.StartAsync(
            settings: static s => s with { Forward = new CurateMe.Gateway.Proxy.ForwardOptions { TotalTimeout = TimeSpan.FromSeconds(1), RetryDelay = TimeSpan.FromMinutes(1) } });
        var answer = await rig.AskAsync(await rig.KeyAsync(), sim: "status=500");
        Assert.Equal((504, "upstream_timeout"), (answer.Status, answer.Code));
        Assert.All(await rig.AssertBooksAsync(), static r => Assert.Equal((RecordStatus.Failed, NanoUsd.Zero, 504, UsageSource.Provider), (r.Status, r.Cost, r.StatusCode, r.Source)));
    }

    [Theory]
    [InlineData("fail=malformed_json", false)]
    [InlineData("fail=garbage_sse", true)]
    [InlineData("fail=end_early", true)]
    [InlineData("fail=error_event", true)]
    public async Task Provider_TalksNonsense_ItPassesAndIsCharged(string sim, bool stream)
    {
        await using var rig = await GatewayRig.StartAsync(settings: Quick);
        var key = await rig.KeyAsync();

        var answer = await rig.AskAsync(key, Chat.Body(stream: stream), sim);

        Assert.Equal(200, answer.Status);
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.True(record.Cost > NanoUsd.Zero && record.Cost <= record.Hold);
    }

    public enum At
    {
        BeforeHold,
        AfterHold,
        AtEnd,
        AfterEnd,
    }

    [Theory]
    [InlineData(At.BeforeHold, 0)]
    [InlineData(At.AfterHold, 0)]
    [InlineData(At.AtEnd, 1)]
    [InlineData(At.AfterEnd, 1)]
    public async Task OwnCode_Throws_TheHoldEndsOnceAndTheBillIsInTheLedger(At at, int forwarded)
    {
        await using var rig = await GatewayRig.StartAsync(services: s =>
        {
            s.AddSingleton<BrokenCounters>();
            s.AddSingleton<ICounterStore>(p => p.GetRequiredService<BrokenCounters>());
        });
        var key = await rig.KeyAsync();
        await rig.AskAsync(key);
        var broken = rig.Service<BrokenCounters>();
        broken.Throw = at;

        var answer = await rig.AskAsync(key);

        Assert.Equal((500, "internal_error"), (answer.Status, answer.Code));
        Assert.DoesNotContain("on purpose", answer.Text, StringComparison.Ordinal);
        Assert.Equal(1 + forwarded, rig.Simulator.Bill.Entries.Count);
        Assert.Equal(1 + forwarded, (await rig.AssertBooksAsync()).Count);
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        await rig.AssertBooksAsync();
    }

    [Fact]
    public async Task OwnCode_ThrowsBetweenHoldAndForward_NothingStaysHeld()
    {
        var clock = new BrokenClock();
        await using var rig = await GatewayRig.StartAsync(services: s =>
        {
            s.AddSingleton<TimeProvider>(clock);
            s.AddSingleton<ICounterStore>(p => new TrippingCounters(p.GetRequiredService<TimeProvider>(), clock));
        });
        var key = await rig.KeyAsync();

        clock.Armed = true;
        var answer = await rig.AskAsync(key);

        Assert.Equal((500, "internal_error"), (answer.Status, answer.Code));
        Assert.Empty(rig.Simulator.Bill.Entries);
        Assert.Empty(await rig.AssertBooksAsync());
        Assert.Equal(0, rig.Service<JournalFile>().OpenHolds);
    }

    [Fact]
    public async Task Journal_CannotBeWritten_503BeforeForwardingUntilItCan()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var journal = rig.Service<JournalFile>();
        journal.BeforeWrite = static () => throw new IOException("No space left on device");

        var answer = await rig.AskAsync(key);

        await rig.AssertRefusedAsync(answer, 503, "cost_recorder_error");
        Assert.Equal("GW_STORE_001", answer.Error.GetProperty("gateway_error_code").GetString());
        using (var health = await rig.Http.GetAsync("/health"))
        {
            Assert.Equal(503, (int)health.StatusCode);
            Assert.Contains("unhealthy", await health.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        journal.BeforeWrite = null;
        Answer? again = null;
        await Poll.UntilAsync(() => (again = rig.AskAsync(key).GetAwaiter().GetResult()).Status == 200, "the journal works again");
        await rig.AssertBooksAsync();
        Assert.Equal("healthy", await StatusAsync(rig));
    }

    [Fact]
    public async Task Journal_FailsWhileACallIsInFlight_ItsEndIsNotLost()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var journal = rig.Service<JournalFile>();
        var call = rig.AskAsync(key, sim: "latency_ms=300");
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 1, "the call is with the provider");
        journal.BeforeWrite = static () => throw new IOException("No space left on device");

        Assert.Equal(200, (await call).Status);

        Assert.Equal(1, journal.Unwritten);
        Assert.Equal(503, (await rig.AskAsync(key)).Status);
        journal.BeforeWrite = null;
        await Poll.UntilAsync(() => journal.Unwritten == 0, "the sweep writes what is left");
        Assert.Single(await rig.AssertBooksAsync());
    }

    [Fact]
    public async Task Ledger_Away_CallsGoOnAndNothingIsLost()
    {
        await using var rig = await GatewayRig.StartAsync(services: static s => s.AddSingleton<IUsageLedger>(static p => new Records.AwayLedger(p.GetRequiredService<GatewaySettings>().DataDirectory)));
        var key = await rig.KeyAsync();
        var ledger = (Records.AwayLedger)rig.Service<IUsageLedger>();
        ledger.Away = true;
        for (var i = 0; i < 30; i++)
        {
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(stream: i % 2 == 0))).Status);
        }
        await Poll.UntilAsync(() => rig.Service<Recorder>().Figures.LastError is not null, "the recorder noticed");
        Assert.Equal("degraded", await StatusAsync(rig));
        Assert.Equal(rig.Bill(), (await rig.CellAsync("org")).Spent);

        ledger.Away = false;
        Assert.Equal(30, (await rig.AssertBooksAsync()).Count);
    }

    internal static GatewaySettings Quick(GatewaySettings settings) => settings with { Forward = new CurateMe.Gateway.Proxy.ForwardOptions { RetryDelay = TimeSpan.FromMilliseconds(1) } };

    static async Task<string?> StatusAsync(GatewayRig rig)
    {
        using var health = await rig.Http.GetAsync("/health");
        return System.Text.Json.JsonElement.Parse(await health.Content.ReadAsStringAsync()).GetProperty("status").GetString();
    }

    sealed class BrokenClock : TimeProvider
    {
        public bool Armed { get; set; }
        public bool Tripped { get; set; }

        public override long GetTimestamp()
        {
            if (Tripped)
            {
                Tripped = false;
                throw new InvalidOperationException("thrown on purpose");
            }
            return base.GetTimestamp();
        }
    }

    // Makes the clock throw at its next reading after a hold was taken.
    sealed class TrippingCounters(TimeProvider time, BrokenClock clock) : CounterShell(new InProcessCounters(time))
    {
        public override async ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
        {
            var outcome = await base.HoldAsync(request, ct);
            clock.Tripped = clock.Armed;
            clock.Armed = false;
            return outcome;
        }
    }

    sealed class BrokenCounters(TimeProvider time) : CounterShell(new InProcessCounters(time))
    {
        public At? Throw { get; set; }

        public override async ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
        {
            Trip(At.BeforeHold);
            var outcome = await base.HoldAsync(request, ct);
            Trip(At.AfterHold);
            return outcome;
        }

        public override async ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct)
        {
            Trip(At.AtEnd);
            var outcome = await base.EndAsync(record, ct);
            Trip(At.AfterEnd);
            return outcome;
        }

        void Trip(At here)
        {
            if (Throw == here)
            {
                Throw = null;
                throw new InvalidOperationException("thrown on purpose");
            }
        }
    }
}
