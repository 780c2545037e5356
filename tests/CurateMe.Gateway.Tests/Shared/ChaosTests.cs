using System.Net;
using System.Diagnostics;
using Xunit;

namespace CurateMe.Gateway.Tests.Shared;

/// <summary>What may go wrong with a fleet goes wrong at random under load; afterwards the books must be right. <c>./test --long</c> goes on for minutes.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    static readonly bool Long = Environment.GetEnvironmentVariable("CM_TEST_LONG") == "1";

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Fleet_EverythingFailsAtRandom_LedgerIsTheBillAndNothingStaysHeld()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CM_TEST_SEED"), out var given) ? given : Random.Shared.Next();
        var events = Long ? 40 : 4;
        output.WriteLine($"seed {seed}, {events} events");
        var random = new Random(seed);
        await using var fleet = await Fleet.StartAsync(3, relay: true);
        var key = await fleet.OrgAsync("org_chaos", dailyBudget: 10_000);
        using var stop = new CancellationTokenSource();
        var load = LoadAsync(fleet, key, stop.Token);

        for (var i = 0; i < events; i++)
        {
            await Task.Delay(random.Next(200, 1500), Ct);
            await BreakAsync(fleet, random);
        }
        await Task.Delay(1000, Ct);
        await stop.CancelAsync();
        var answered = await load;

        var records = await fleet.SettledAsync("org_chaos");
        output.WriteLine($"{answered} answered, {records.Count} records, {records.Count(static r => r.Source == "presumed")} presumed, {fleet.Simulator.Bill.Entries.Count} billed");
        Assert.True(answered > 20, $"seed {seed}: only {answered} calls were answered");
        Assert.Equal(records.Count, records.Select(static r => r.Id).Distinct(StringComparer.Ordinal).Count());
        fleet.AssertBilled(records, $"seed {seed}");
    }

    [Fact]
    public async Task MongoAway_UnderLoad_NoCallFailsForItAndAllRecordsArriveAfterwards()
    {
        await using var fleet = await Fleet.StartAsync(2, relay: true);
        var key = await fleet.OrgAsync("org_away", dailyBudget: 10_000);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(1, key));
        fleet.Relay!.Kill();
        var away = Stopwatch.StartNew();
        var span = Long ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(8);
        long calls = 0;
        var before = 0L;
        while (away.Elapsed < span)
        {
            // A steady load: what it leaves behind in minutes must fit into the minute in which it is to arrive.
            var pace = Task.Delay(TimeSpan.FromSeconds(1), Ct);
            var answers = await fleet.ChatsAsync(key, 200, atOnce: 20);
            Assert.True(answers.Count == 1 && answers.ContainsKey(HttpStatusCode.OK), string.Join(", ", answers));
            calls += 200;
            // What the process needs at all it has after a while; from then on it must not grow with the number of calls.
            before = before == 0 && away.Elapsed > span / 4 ? fleet.Replicas[0].ResidentMiB : before;
            await pace;
        }
        var grown = fleet.Replicas[0].ResidentMiB - before;
        output.WriteLine($"{calls} calls while MongoDB was away; memory grew by {grown} MiB in the last three quarters");
        Assert.True(grown < 150, $"{grown} MiB after {calls} calls");
        fleet.Relay.Restart();
        var back = Stopwatch.StartNew();
        await fleet.RecordedAsync();
        output.WriteLine($"all records were there {back.Elapsed.TotalSeconds:0} s after it was back");

        var records = await fleet.SettledAsync("org_away");
        Assert.Equal(calls + 2, records.Count);
        Assert.All(records, static r => Assert.Equal("provider", r.Source));
        fleet.AssertBilled(records, "away");
    }

    static async Task<int> LoadAsync(Fleet fleet, string key, CancellationToken stop)
    {
        var answered = 0;
        await Task.WhenAll(Enumerable.Range(0, 12).Select(async worker =>
        {
            for (var i = worker; !stop.IsCancellationRequested; i++)
            {
                if (await fleet.ChatAsync(i % fleet.Replicas.Count, key) == HttpStatusCode.OK)
                {
                    Interlocked.Increment(ref answered);
                }
                else
                {
                    await Task.Delay(20, CancellationToken.None);
                }
            }
        }));
        return answered;
    }

    // One thing fails, and comes back before the next does.
    async Task BreakAsync(Fleet fleet, Random random)
    {
        var what = random.Next(6);
        output.WriteLine($"{what}");
        switch (what)
        {
            case 0:
                var replica = fleet.Replicas[random.Next(fleet.Replicas.Count)];
                await replica.KillAsync();
                await Task.Delay(random.Next(100, 1500), Ct);
                await replica.StartAsync();
                break;
            case 1:
                await fleet.Redis.KillAsync();
                await Task.Delay(random.Next(100, 3000), Ct);
                await fleet.Redis.StartAgainAsync();
                break;
            case 2:
                await fleet.Redis.PauseAsync();
                await Task.Delay(random.Next(100, 3000), Ct);
                await fleet.Redis.ResumeAsync();
                break;
            case 3:
                await using (var client = await fleet.Redis.ConnectAsync())
                {
                    await client.ExecuteAsync(["FLUSHALL"], Ct);
                }
                break;
            case 4:
                fleet.Relay!.Kill();
                await Task.Delay(random.Next(100, 5000), Ct);
                fleet.Relay.Restart();
                break;
            default:
                fleet.Relay!.Freeze();
                await Task.Delay(random.Next(100, 5000), Ct);
                fleet.Relay.Thaw();
                break;
        }
    }
}
