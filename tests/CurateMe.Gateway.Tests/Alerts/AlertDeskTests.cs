using System.Diagnostics.Metrics;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Errors;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>What becomes of events between being raised and being stored.</summary>
public sealed class AlertDeskTests : IAsyncDisposable
{
    readonly TemporaryDirectory data = new();
    readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    readonly ErrorEvents errors = new(TimeProvider.System);
    readonly AwayAlerts store;
    readonly AlertDesk desk;

    public AlertDeskTests()
    {
        store = new AwayAlerts(data.Path);
        desk = new AlertDesk(store, new AlertMetrics(services.GetRequiredService<IMeterFactory>()), TimeProvider.System, errors);
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        await services.DisposeAsync();
        data.Dispose();
    }

    void Raise(int events)
    {
        for (var i = 0; i < events; i++)
        {
            desk.Raise(AlertType.KeyDisabled, "org_a", $"key:{i}", $"{i}", []);
        }
    }

    async Task<IEnumerable<string>> StoredAsync() => (await store.EventsAsync(new AlertQuery(null), default)).Select(e => e.Subject).Order();

    [Fact]
    public async Task Stop_WhileAnEventIsBeingStored_KeepsItAndWhatWaits()
    {
        using var stop = new CancellationTokenSource();
        Raise(3);
        store.Raising = raised =>
        {
            if (raised.Subject == "key:0")
            {
                stop.Cancel();
            }
        };
        await desk.RunAsync(stop.Token);
        Assert.Equal(["key:0", "key:1", "key:2"], await StoredAsync());
    }

    [Fact]
    public async Task Stop_WhileTheStoreIsAway_AsksItOnceMore_AndSaysWhatIsLost()
    {
        using var stop = new CancellationTokenSource();
        store.Away = true;
        Raise(50);
        var running = desk.RunAsync(stop.Token);
        await Poll.UntilAsync(() => store.Refused > 0, "the store was asked");
        await stop.CancelAsync();
        await running;
        // Each call of a store that is away may take as long as the stop may.
        Assert.InRange(store.Refused, 2, 20);
        Assert.StartsWith("50 events", errors.Read().Single(e => e.Code == "alerts_lost").Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Event_ThatCannotBeStored_HoldsUpNoOther()
    {
        using var stop = new CancellationTokenSource();
        store.Raising = raised =>
        {
            if (raised.Subject == "key:1")
            {
                throw new InvalidOperationException("not this one");
            }
        };
        Raise(3);
        var running = desk.RunAsync(stop.Token);
        await AlertRig.UntilAsync(StoredAsync, s => s.Contains("key:2"), "the last event is stored");
        await stop.CancelAsync();
        await running;
        Assert.Equal(["key:0", "key:2"], await StoredAsync());
        Assert.Contains("key:1", errors.Read().Single(e => e.Code == "alerts_lost").Message, StringComparison.Ordinal);
    }
}
