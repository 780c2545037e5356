using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;
using CurateMe.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance.Processes;

/// <summary>The real process is killed at random moments under load; the provider is another process and keeps its own bill.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    const string Org = "org_crash";
    const string AdminToken = "crash-test-admin-token";
    const int Workers = 16;

    [Fact]
    public async Task Kill_AtRandomMomentsUnderLoad_NothingBilledIsMissingAndNothingIsPresumedThatWasAnswered()
    {
        var rounds = Environment.GetEnvironmentVariable("CM_TEST_LONG") == "1" ? 50 : 3;
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}, {rounds} rounds");
        var random = new Random(seed);
        using var directory = new TemporaryDirectory();
        var billFile = Path.Combine(directory.Path, "bill.jsonl");
        var data = Path.Combine(directory.Path, "data");
        var key = await SetUpAsync(data);
        var answered = new ConcurrentDictionary<string, NanoUsd>(StringComparer.Ordinal);

        await using var simulator = await GatewayProcess.StartAsync(["simulate", "--urls", "http://127.0.0.1:0", "--bill", billFile]);
        for (var round = 0; round < rounds; round++)
        {
            await using var gateway = await StartAsync(data, simulator);
            using var stop = new CancellationTokenSource();
            var load = Enumerable.Range(0, Workers).Select(w => LoadAsync(gateway.Address, key, new Random(seed + (round * Workers) + w), answered, stop.Token)).ToList();
            if (round % 3 != 2)
            {
                // Some lives end before they have answered anything.
                var before = answered.Count;
                await Poll.UntilAsync(() => answered.Count > before + Workers, "calls are answered");
            }
            await Task.Delay(random.Next(1, 1200));
            await gateway.KillAsync();
            await stop.CancelAsync();
            await Task.WhenAll(load);
        }

        // The last life answers from what the others left, and ends in good order.
        long spent;
        await using (var gateway = await StartAsync(data, simulator))
        {
            spent = await MonthSpentAsync(gateway.Address);
            Assert.Equal(0, await gateway.StopAsync());
        }
        Assert.Equal(0, await simulator.StopAsync());
        await AssertAsync(data, billFile, answered, spent, seed);
    }

    [Fact]
    public async Task Term_UnderLoad_CallsEndTheLedgerHasAllAndTheJournalIsEmpty()
    {
        using var directory = new TemporaryDirectory();
        var billFile = Path.Combine(directory.Path, "bill.jsonl");
        var data = Path.Combine(directory.Path, "data");
        var key = await SetUpAsync(data);
        var answered = new ConcurrentDictionary<string, NanoUsd>(StringComparer.Ordinal);
        await using var simulator = await GatewayProcess.StartAsync(["simulate", "--urls", "http://127.0.0.1:0", "--bill", billFile]);
        await using (var gateway = await StartAsync(data, simulator))
        {
            using var stop = new CancellationTokenSource();
            var load = Enumerable.Range(0, Workers).Select(w => LoadAsync(gateway.Address, key, new Random(w), answered, stop.Token)).ToList();
            await Poll.UntilAsync(() => answered.Count > 50, "calls are answered");
            Assert.Equal(0, await gateway.StopAsync());
            await stop.CancelAsync();
            await Task.WhenAll(load);
        }
        Assert.Equal(0, await simulator.StopAsync());
        var records = await AssertAsync(data, billFile, answered, spent: null, seed: 0);
        Assert.DoesNotContain(records, static r => r.Source == UsageSource.Presumed);
        await using var journal = JournalFile.Open(new JournalOptions { Directory = Path.Combine(data, "journal") });
        Assert.Equal((0, 0), (journal.Recovered.Unrecorded, journal.Recovered.OpenHolds.Count));
    }

    [Fact]
    public async Task AC11_KilledWithAnIdempotentCallOnItsWay_IsPresumedOnceAndNeverMadeAgain()
    {
        using var directory = new TemporaryDirectory();
        var data = Path.Combine(directory.Path, "data");
        var billFile = Path.Combine(directory.Path, "bill.jsonl");
        var key = await SetUpAsync(data);
        await using var simulator = await GatewayProcess.StartAsync(["simulate", "--urls", "http://127.0.0.1:0", "--bill", billFile]);
        await using (var gateway = await StartAsync(data, simulator))
        {
            var onItsWay = OnceAsync(gateway.Address, key, "once", "latency_ms=50000");
            using var http = new HttpClient { BaseAddress = gateway.Address };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
            for (var held = 0L; held == 0 && !onItsWay.IsCompleted;)
            {
                held = JsonElement.Parse(await http.GetStringAsync("/gateway/admin/metrics")).GetProperty("budget_store").GetProperty("live_holds").GetInt64();
            }
            Assert.Contains("idempotency_in_progress", (await OnceAsync(gateway.Address, key, "once", null)).Text, StringComparison.Ordinal);
            await gateway.KillAsync();
            Assert.Equal(0, (await onItsWay).Status);
        }

        await using (var gateway = await StartAsync(data, simulator))
        {
            for (var i = 0; i < 3; i++)
            {
                var again = await OnceAsync(gateway.Address, key, "once", null);
                Assert.True(again.Status == 409 && again.Text.Contains("idempotency_answer_not_kept", StringComparison.Ordinal), again.Text);
            }
            Assert.Equal(200, (await OnceAsync(gateway.Address, key, "another", null)).Status);
            Assert.Equal(0, await gateway.StopAsync());
        }
        var records = await RecordsAsync(data);
        Assert.Equal(2, records.Count);
        Assert.Single(records, static r => r.Source == UsageSource.Presumed && r.Cost == r.Hold);
    }

    // Status 0 when the gateway is gone.
    static async Task<(int Status, string Text)> OnceAsync(Uri address, string key, string once, string? sim)
    {
        using var http = new HttpClient { BaseAddress = address };
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(40), Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        request.Headers.Add("Idempotency-Key", once);
        if (sim is not null)
        {
            request.Headers.Add("X-Sim", sim);
        }
        try
        {
            using var response = await http.SendAsync(request);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
        }
        catch (HttpRequestException)
        {
            return (0, "");
        }
    }

    static async Task<List<UsageRecord>> AssertAsync(string data, string billFile, ConcurrentDictionary<string, NanoUsd> answered, long? spent, int seed)
    {
        var records = await RecordsAsync(data);
        var byId = records.ToDictionary(static r => r.Id.ToString(), StringComparer.Ordinal);
        var bill = (await File.ReadAllLinesAsync(billFile)).Select(BillEntry.Parse).ToList();
        Assert.True(bill.Count > 10, $"only {bill.Count} calls were billed");
        foreach (var line in bill)
        {
            Assert.True(byId.TryGetValue(line.RequestId!, out var record), $"seed {seed}: billed, not in the ledger: {line}");
            var billed = PriceList.BuiltIn.Find(line.Provider, line.Model)!.Cost(line.Units.ToUsageCounts(), ServiceTier.Standard).CeilToNano();
            Assert.True(record.Source == UsageSource.Provider ? record.Cost == billed : record.Cost >= billed, $"seed {seed}: {record.Id} {record.Source} {record.Status} cost {record.Cost}, billed {billed}");
        }
        Assert.Equal(bill.Count, bill.Select(static l => l.RequestId).Distinct(StringComparer.Ordinal).Count());
        foreach (var (id, cost) in answered)
        {
            Assert.True(byId.TryGetValue(id, out var record), $"seed {seed}: answered, not in the ledger: {id}");
            Assert.True(record.Source == UsageSource.Provider && record.Cost == cost, $"seed {seed}: {id} was answered with a cost of {cost}, the ledger says {record.Source} {record.Cost}");
        }
        Assert.All(records, static r => Assert.True(r.Cost <= r.Hold));
        Assert.Equal(spent ?? records.Sum(static r => r.Cost.Value), records.Sum(static r => r.Cost.Value));
        return records;
    }

    static Task<GatewayProcess> StartAsync(string data, GatewayProcess simulator) => GatewayProcess.StartAsync(["--urls", "http://127.0.0.1:0"], new Dictionary<string, string?>
    {
        ["CM_DATA_DIR"] = data,
        ["ADMIN_TOKEN"] = AdminToken,
        ["Providers__openai__BaseUrl"] = simulator.Address + "openai/v1",
        ["Providers__openai__ApiKey"] = "sk-simulated",
        ["Journal__SegmentMegabytes"] = "1",
    });

    static async Task LoadAsync(Uri address, string key, Random random, ConcurrentDictionary<string, NanoUsd> answered, CancellationToken stop)
    {
        using var http = new HttpClient { BaseAddress = address };
        while (!stop.IsCancellationRequested)
        {
            var stream = random.Next(2) == 0;
            using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(40, stream), Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            request.Headers.Add("X-Sim", $"latency_ms={random.Next(60)};chunk_delay_ms={random.Next(3)};output_tokens={random.Next(1, 30)}");
            try
            {
                using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
                await response.Content.ReadAsByteArrayAsync(stop);
                if (response.IsSuccessStatusCode)
                {
                    var cost = stream ? response.TrailingHeaders.GetValues("X-CM-Cost").Single() : response.Headers.GetValues("X-CM-Cost").Single();
                    answered[response.Headers.GetValues("X-CM-Request-ID").Single()] = NanoUsd.Parse(cost);
                }
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                // The gateway is gone.
                return;
            }
        }
    }

    static async Task<string> SetUpAsync(string data)
    {
        Directory.CreateDirectory(data);
        await using var store = SqliteConfigStore.Open(data);
        using var changes = new ConfigChanges(store, TimeProvider.System, NullLogger<ConfigChanges>.Instance);
        var catalogue = new Catalogue(store, changes);
        var secret = Secret.New(Secret.KeyPrefix);
        await catalogue.CommitAsync(
            [
                catalogue.Orgs.New(Org, Org, null, new OrgDocument { OrgId = Org, Name = Org, Tier = Tier.Enterprise, CreatedAt = DateTimeOffset.UnixEpoch }),
                catalogue.Policies.New(Org, Org, null, new PolicyDocument()),
                catalogue.Keys.New("key_crash", Org, secret.Hash.ToString(), new KeyDocument { KeyId = "key_crash", OrgId = Org, Name = "crash", Last4 = secret.Last4, CreatedAt = DateTimeOffset.UnixEpoch }),
            ],
            new AuditDraft(DateTimeOffset.UnixEpoch, "test", null, "create", "test", Org, Org, null, null), default);
        return secret.Text;
    }

    static async Task<long> MonthSpentAsync(Uri address)
    {
        using var http = new HttpClient { BaseAddress = address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
        var tree = JsonElement.Parse(await http.GetStringAsync($"/gateway/admin/budgets/{Org}"));
        var month = tree.GetProperty("org").GetProperty("monthly");
        Assert.Equal(0, month.GetProperty("held_nano_usd").GetInt64());
        return month.GetProperty("spent_nano_usd").GetInt64();
    }

    static async Task<List<UsageRecord>> RecordsAsync(string data)
    {
        await using var ledger = SqliteLedger.Open(data, TimeProvider.System);
        List<UsageRecord> records = [];
        string? cursor = null;
        do
        {
            var page = await ledger.QueryAsync(new UsageQuery { OrgId = Org, Limit = UsageQuery.MaxLimit, Cursor = cursor, Sort = UsageSort.TimeAsc }, default);
            records.AddRange(page.Records);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return records;
    }
}
