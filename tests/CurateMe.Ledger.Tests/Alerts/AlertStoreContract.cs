using CurateMe.Ledger.Alerts;
using Xunit;

namespace CurateMe.Ledger.Tests.Alerts;

/// <summary>What every alert store does.</summary>
public abstract class AlertStoreContract : IAsyncLifetime
{
    static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    private protected IAlertStore Store { get; private set; } = null!;

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Another client of the same, at first empty, store.</summary>
    private protected abstract Task<IAlertStore> OpenAsync();

    public virtual async ValueTask InitializeAsync() => Store = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Store is not null) await Store.DisposeAsync();
    }

    static AlertEvent Event(int number, string? org = "org_a", string type = "budget_warning", string? claim = null) =>
        new($"evt_{number:d3}", org, type, "key:k1", Start.AddMinutes(number), claim ?? $"claim {number}", """{"ä":1}""");

    static AlertDelivery Delivery(int number, string webhook = "wh_a", int due = 0) => new()
    {
        Id = $"dlv_{number:d3}",
        WebhookId = webhook,
        EventId = "evt_001",
        EventType = "budget_warning",
        Body = """{"ü":1}""",
        ContentType = "application/json",
        CreatedAt = Start.AddMinutes(number),
        NextAt = Start.AddMinutes(due),
    };

    async Task<IReadOnlyList<string>> IdsAsync(AlertQuery query) => [.. (await Store.EventsAsync(query, Ct)).Select(e => e.Id)];

    [Fact]
    public async Task Raise_SameClaimTwice_IsOneEvent()
    {
        await using var other = await OpenAsync();
        var raised = await Task.WhenAll(Enumerable.Range(1, 20).Select(i => (i % 2 == 0 ? Store : other).RaiseAsync(Event(i, claim: "once"), Ct)));
        Assert.Equal(1, raised.Count(r => r));
        Assert.False(await Store.RaiseAsync(Event(50, claim: "once"), Ct));
        var stored = Assert.Single(await Store.EventsAsync(new AlertQuery(null), Ct));
        Assert.Equal(Event(int.Parse(stored.Id[4..], System.Globalization.CultureInfo.InvariantCulture), claim: "once"), stored);
    }

    [Fact]
    public async Task Events_Filtered_ComeNewestFirst()
    {
        for (var i = 1; i <= 6; i++)
        {
            Assert.True(await Store.RaiseAsync(Event(i, i switch { 5 => "org_b", 6 => null, _ => "org_a" }, i == 2 ? "cost_drift" : "budget_warning"), Ct));
        }
        Assert.Equal(["evt_006", "evt_005", "evt_004", "evt_003", "evt_002", "evt_001"], await IdsAsync(new AlertQuery(null)));
        Assert.Equal(["evt_004", "evt_003"], await IdsAsync(new AlertQuery("org_a", Limit: 2)));
        Assert.Equal(["evt_002", "evt_001"], await IdsAsync(new AlertQuery("org_a", BeforeId: "evt_003")));
        Assert.Equal(["evt_002"], await IdsAsync(new AlertQuery("org_a", ["cost_drift", "other"])));
        Assert.Equal(["evt_004", "evt_003"], await IdsAsync(new AlertQuery("org_a", Since: Start.AddMinutes(3))));
    }

    [Fact]
    public async Task Spread_Twice_MakesEachDeliveryOnce()
    {
        await Store.RaiseAsync(Event(1), Ct);
        await Store.RaiseAsync(Event(2), Ct);
        Assert.Equal(["evt_001", "evt_002"], (await Store.UnspreadAsync(10, Ct)).Select(e => e.Id));
        await Store.SpreadAsync("evt_001", [Delivery(1), Delivery(2, "wh_b")], Ct);
        await Store.SpreadAsync("evt_001", [Delivery(1) with { Body = "other" }], Ct);
        Assert.Equal(["evt_002"], (await Store.UnspreadAsync(10, Ct)).Select(e => e.Id));
        Assert.Equal("""{"ü":1}""", (await Store.DeliveryAsync("dlv_001", Ct))!.Body);
        Assert.Null(await Store.DeliveryAsync("dlv_009", Ct));
        await Store.SpreadAsync("none", [Delivery(3), Delivery(4)], Ct);
        Assert.Equal(["dlv_004", "dlv_003"], (await Store.DeliveriesAsync("wh_a", null, 2, Ct)).Select(d => d.Id));
        Assert.Equal(["dlv_001"], (await Store.DeliveriesAsync("wh_a", "dlv_003", 2, Ct)).Select(d => d.Id));
        await Store.ForgetAsync("wh_a", Ct);
        Assert.Empty(await Store.DeliveriesAsync("wh_a", null, 2, Ct));
        Assert.Single(await Store.DeliveriesAsync("wh_b", null, 2, Ct));
    }

    [Fact]
    public async Task TakeDue_ByMany_GivesEachToOne()
    {
        await using var other = await OpenAsync();
        await Store.SpreadAsync("evt", [.. Enumerable.Range(1, 30).Select(i => Delivery(i)), Delivery(31, due: 10)], Ct);
        var taken = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => (i % 2 == 0 ? Store : other).TakeDueAsync($"owner {i}", Start, Lease, 5, [], Ct)));
        Assert.Equal(30, taken.Sum(t => t.Count));
        Assert.Equal(30, taken.SelectMany(t => t).Select(d => d.Id).Distinct().Count());
        Assert.Empty(await Store.TakeDueAsync("late", Start, Lease, 5, [], Ct));
    }

    [Fact]
    public async Task TakeDue_LeavesOutTheWebhooksNamed_TheLongestDueFirst()
    {
        await Store.SpreadAsync("evt", [Delivery(1), Delivery(2, "wh_b", due: 2), Delivery(3, "wh_b", due: 1), Delivery(4, "wh_c\"", due: 3), Delivery(5, "wh_c\"", due: 4), Delivery(6, "wh_d", due: 5)], Ct);
        Assert.Equal(["dlv_003"], (await Store.TakeDueAsync("a", Start.AddMinutes(5), Lease, 1, ["wh_a", "wh_c\""], Ct)).Select(d => d.Id));
        Assert.Equal(["dlv_002", "dlv_004"], (await Store.TakeDueAsync("a", Start.AddMinutes(5), Lease, 2, ["wh_a"], Ct)).Select(d => d.Id).Order());
        Assert.Equal(["dlv_001", "dlv_005", "dlv_006"], (await Store.TakeDueAsync("a", Start.AddMinutes(5), Lease, 9, ["wh_b"], Ct)).Select(d => d.Id).Order());
    }

    [Fact]
    public async Task Save_AfterTheLeaseWentToAnother_StoresNothing()
    {
        await Store.SpreadAsync("evt", [Delivery(1)], Ct);
        var mine = Assert.Single(await Store.TakeDueAsync("a", Start, Lease, 5, [], Ct));
        Assert.Single(await Store.TakeDueAsync("b", Start + Lease, Lease, 5, [], Ct));
        Assert.False(await Store.SaveAsync(mine with { State = DeliveryState.Delivered }, "a", Ct));
        var retry = mine with { NextAt = Start.AddMinutes(5), Attempts = [new DeliveryAttempt(Start, 500, "said 500", 12)] };
        Assert.True(await Store.SaveAsync(retry, "b", Ct));
        Assert.Empty(await Store.TakeDueAsync("a", Start.AddMinutes(4), Lease, 5, [], Ct));
        var again = Assert.Single(await Store.TakeDueAsync("a", Start.AddMinutes(5), Lease, 5, [], Ct));
        Assert.Equal(new DeliveryAttempt(Start, 500, "said 500", 12), Assert.Single(again.Attempts));
        Assert.True(await Store.SaveAsync(again with { State = DeliveryState.Delivered }, "a", Ct));
        Assert.Empty(await Store.TakeDueAsync("a", Start.AddDays(1), Lease, 5, [], Ct));
    }

    [Fact]
    public async Task Lease_HeldByOne_IsGivenToAnotherWhenItIsOver()
    {
        Assert.True(await Store.LeaseAsync("watch", "a", Start, Lease, Ct));
        Assert.True(await Store.LeaseAsync("watch", "a", Start.AddSeconds(30), Lease, Ct));
        Assert.False(await Store.LeaseAsync("watch", "b", Start + Lease, Lease, Ct));
        Assert.True(await Store.LeaseAsync("watch", "b", Start.AddSeconds(90), Lease, Ct));
        Assert.False(await Store.LeaseAsync("watch", "a", Start.AddSeconds(91), Lease, Ct));
        Assert.True(await Store.LeaseAsync("other", "a", Start, Lease, Ct));
        Assert.False(await Store.LeaseAsync("other", "b", Start, TimeSpan.Zero, Ct));
        Assert.True(await Store.LeaseAsync("other", "a", Start, TimeSpan.Zero, Ct));
        Assert.True(await Store.LeaseAsync("other", "b", Start, Lease, Ct));
        Assert.False(await Store.LeaseAsync("other", "a", Start, Lease, Ct));
    }

    [Fact]
    public async Task Trim_KeepsTheNewest()
    {
        for (var i = 1; i <= 6; i++) await Store.RaiseAsync(Event(i, i == 6 ? "org_b" : "org_a"), Ct);
        await Store.SpreadAsync("evt_001", [.. Enumerable.Range(1, 5).Select(i => Delivery(i)), Delivery(6, "wh_b")], Ct);
        await Store.TrimAsync(Start.AddMinutes(2), Start.AddMinutes(3), 3, 2, Ct);
        Assert.Equal(["evt_006", "evt_005", "evt_004", "evt_003"], await IdsAsync(new AlertQuery(null)));
        Assert.Equal(["dlv_005", "dlv_004"], (await Store.DeliveriesAsync("wh_a", null, 10, Ct)).Select(d => d.Id));
        Assert.Single(await Store.DeliveriesAsync("wh_b", null, 10, Ct));
    }

    [Fact]
    public void States_AreStored_DoNotChange() => Assert.Equal([0, 1, 2], new[] { DeliveryState.Pending, DeliveryState.Delivered, DeliveryState.Failed }.Select(s => (int)s));
}
