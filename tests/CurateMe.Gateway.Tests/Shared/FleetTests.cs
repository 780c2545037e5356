using System.Net;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Gateway.Tests.Shared;

/// <summary>Three real gateways on one Redis and one MongoDB.</summary>
public sealed class FleetTests
{
    static readonly bool Long = Environment.GetEnvironmentVariable("CM_TEST_LONG") == "1";

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AC01_ThreeReplicas_BudgetForExactlyK_AdmitExactlyK()
    {
        await using var fleet = await Fleet.StartAsync(3);
        for (var run = 0; run < (Long ? 20 : 1); run++) await ExactlyAsync(fleet, fits: 41 + run, wishes: Long ? 3000 : 600, run);
    }

    [Fact]
    public async Task AC17_ThreeReplicasOnACluster_BudgetForExactlyK_AdmitExactlyK()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var cluster = await RedisCluster.StartAsync();
        await using var fleet = await Fleet.StartAsync(3, cluster);
        for (var run = 0; run < (Long ? 20 : 1); run++) await ExactlyAsync(fleet, fits: 23 + run, wishes: Long ? 3000 : 300, run);
    }

    [Fact]
    public async Task AC10_KilledReplicaFlushedAndPausedRedis_LedgerIsTheBillAndNothingStaysHeld()
    {
        await using var fleet = await Fleet.StartAsync(3);
        var key = await fleet.OrgAsync("org_chaos", dailyBudget: 1_000);
        await fleet.ChatsAsync(key, 60, atOnce: 20);
        var load = fleet.ChatsAsync(key, 600, atOnce: 20);

        await Task.Delay(500, Ct);
        await fleet.Replicas[2].KillAsync();
        await using (var client = await fleet.Redis.ConnectAsync())
        {
            await client.ExecuteAsync(["FLUSHALL"], Ct);
        }
        await Task.Delay(500, Ct);
        await fleet.Redis.KillAsync();
        await Task.Delay(1000, Ct);
        await fleet.Redis.StartAgainAsync();
        await fleet.Replicas[2].StartAsync();
        var answers = await load;
        Assert.True(answers.GetValueOrDefault(HttpStatusCode.OK) > 60, Text(answers));

        (long Spent, long Held) day = default;
        List<(string Id, long Cost, string Source)> records = [];
        await Fleet.UntilAsync(
            async () =>
            {
                for (var i = 0; i < 3; i++)
                {
                    if ((await fleet.HealthAsync(i)).GetProperty("status").GetString() != "healthy") return false;
                }
                day = await fleet.DayAsync("org_chaos");
                records = await fleet.RecordsAsync("org_chaos");
                return day.Held == 0 && day.Spent == records.Sum(static r => r.Cost);
            },
            () => $"counters {day}, ledger {records.Sum(static r => r.Cost)} in {records.Count} records; {Text(answers)}");

        // What was presumed is never below what was billed, and all else is the bill to the integer.
        Assert.Equal(records.Count, records.Select(static r => r.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.True(records.Count >= fleet.Simulator.Bill.Entries.Count, $"{records.Count} records, {fleet.Simulator.Bill.Entries.Count} billed");
        var presumed = records.Count(static r => r.Source == "presumed");
        Assert.True(records.Count - presumed <= fleet.Simulator.Bill.Entries.Count, $"{records.Count} records, {presumed} presumed");
    }

    [Fact]
    public async Task I1_RedisAway_OrgIdleForLongerThanAViewIsGood_StillHasItsPart()
    {
        await using var fleet = await Fleet.StartAsync(1);
        var key = await fleet.OrgAsync("org_idle", dailyBudget: 10);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));

        await Task.Delay(ResilientCounters.MaxViewAge + TimeSpan.FromSeconds(2), Ct);
        await fleet.Redis.KillAsync();

        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));
    }

    [Fact]
    public async Task AC15_KeyDisabledOnOneReplica_IsRefusedOnAll_AndHealthNamesBothStores()
    {
        await using var fleet = await Fleet.StartAsync(2);
        var key = await fleet.OrgAsync("org_key", dailyBudget: 10);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(1, key));
        var keys = await fleet.AdminAsync(HttpMethod.Get, "/api/v1/admin/keys", org: "org_key");
        var id = keys.GetProperty("data")[0].GetProperty("key_id").GetString();

        await fleet.AdminAsync(HttpMethod.Post, $"/api/v1/admin/keys/{id}/disable", org: "org_key");

        Assert.Equal(HttpStatusCode.Unauthorized, await fleet.ChatAsync(0, key));
        await Fleet.UntilAsync(async () => await fleet.ChatAsync(1, key) == HttpStatusCode.Unauthorized, static () => "the other replica knows");
        var health = await fleet.HealthAsync(1);
        Assert.True(health.GetProperty("redis_connected").GetBoolean() && health.GetProperty("mongo_connected").GetBoolean(), health.ToString());
        Assert.Equal((0, 2), (health.GetProperty("dlq_depth").GetInt32(), health.GetProperty("replicas").GetInt32()));
    }

    [Fact]
    public async Task AC11_SameIdempotencyKeyOnEveryReplica_IsChargedOnce_AndAnotherReplicaRepeatsTheAnswer()
    {
        await using var fleet = await Fleet.StartAsync(3);
        var key = await fleet.OrgAsync("org_once", dailyBudget: 10);
        for (var round = 0; round < 5; round++)
        {
            var all = await Task.WhenAll(Enumerable.Range(0, 9).Select(i => AskAsync(i % 3, $"once-{round}")));
            Assert.All(all, static a => Assert.True(a.Status is HttpStatusCode.OK or HttpStatusCode.Conflict, $"{a.Status} {a.Text}"));
            Assert.Single(all, static a => a is { Status: HttpStatusCode.OK, Replayed: false });
            var made = all.Single(static a => a is { Status: HttpStatusCode.OK, Replayed: false });
            for (var i = 0; i < 3; i++) Assert.Equal((HttpStatusCode.OK, true, made.Text), await AskAsync(i, $"once-{round}"));
        }
        await Fleet.UntilAsync(async () => (await fleet.RecordsAsync("org_once")).Count == 5, static () => "five records");
        Assert.Equal(5, fleet.Simulator.Bill.Entries.Count);

        async Task<(HttpStatusCode Status, bool Replayed, string Text)> AskAsync(int replica, string once)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(fleet.Replicas[replica].Address, "/v1/openai/chat/completions"));
            request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", key);
            request.Headers.Add("Idempotency-Key", once);
            request.Content = System.Net.Http.Json.JsonContent.Create(new { model = "gpt-4o-mini", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } });
            using var answer = await fleet.Http.SendAsync(request, Ct);
            return (answer.StatusCode, answer.Headers.Contains("Idempotent-Replayed"), await answer.Content.ReadAsStringAsync(Ct));
        }
    }

    [Fact]
    public async Task ProviderKeyAndStoredResponse_OfOneReplica_AreKnownToTheOther()
    {
        await using var fleet = await Fleet.StartAsync(2);
        var key = await fleet.OrgAsync("org_known", dailyBudget: 10);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(1, key));

        // The simulator knows this key for a bad one.
        var stored = await fleet.AdminAsync(HttpMethod.Post, "/api/v1/admin/provider-keys", new { provider = "openai", key = "sk-bad-and-known" });
        var path = "/api/v1/admin/provider-keys/" + stored.GetProperty("provider_key_id").GetString();
        Assert.Equal(HttpStatusCode.Unauthorized, await fleet.ChatAsync(0, key));
        await Fleet.UntilAsync(async () => await fleet.ChatAsync(1, key) == HttpStatusCode.Unauthorized, static () => "the other replica uses it");
        await fleet.AdminAsync(HttpMethod.Delete, path);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));
        await Fleet.UntilAsync(async () => await fleet.ChatAsync(1, key) == HttpStatusCode.OK, static () => "the other replica has let it go");

        var made = await SendAsync(HttpMethod.Post, 0, "/v1/responses", key, new { model = "gpt-5-mini", input = "ping", max_output_tokens = 100 });
        var again = await SendAsync(HttpMethod.Get, 1, "/v1/responses/" + made.Json.GetProperty("id").GetString(), key, null);
        Assert.Equal((HttpStatusCode.OK, made.Json.GetProperty("id").GetString()), (again.Status, again.Json.GetProperty("id").GetString()));
        var other = await fleet.OrgAsync("org_stranger", dailyBudget: 10);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Get, 1, "/v1/responses/" + made.Json.GetProperty("id").GetString(), other, null)).Status);

        async Task<(HttpStatusCode Status, System.Text.Json.JsonElement Json)> SendAsync(HttpMethod method, int replica, string at, string secret, object? body)
        {
            using var request = new HttpRequestMessage(method, new Uri(fleet.Replicas[replica].Address, at));
            request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", secret);
            request.Content = body is null ? null : System.Net.Http.Json.JsonContent.Create(body);
            using var answer = await fleet.Http.SendAsync(request, Ct);
            return (answer.StatusCode, System.Text.Json.JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(Ct)));
        }
    }

    // Every request costs its hold to the nano-dollar, so what fits is known.
    static async Task ExactlyAsync(Fleet fleet, int fits, int wishes, int run)
    {
        await fleet.ChargeWholeHoldsAsync();
        var (one, k) = ($"org_one_{run}", $"org_k_{run}");
        var free = await fleet.OrgAsync(one, dailyBudget: null);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, free));
        long price = 0;
        await Fleet.UntilAsync(async () => (price = (await fleet.RecordsAsync(one)).Sum(static r => r.Cost)) > 0, static () => "the first record is in the ledger");
        var key = await fleet.OrgAsync(k, dailyBudget: ((fits * price) + price - 1) / 1_000_000_000m);

        var answers = await fleet.ChatsAsync(key, wishes, atOnce: Long ? 3000 : 300);

        Assert.True(answers.GetValueOrDefault(HttpStatusCode.OK) == fits, $"{fits} fit: {Text(answers)}\n{fleet.Replicas[0].Output}");
        Assert.True(answers.GetValueOrDefault(HttpStatusCode.Forbidden) == wishes - fits, Text(answers));
        List<(string Id, long Cost, string Source)> records = [];
        await Fleet.UntilAsync(async () => (records = await fleet.RecordsAsync(k)).Count == fits, () => $"{records.Count} of {fits} records are in the ledger");
        Assert.All(records, record => Assert.Equal(price, record.Cost));
        Assert.Equal((fits * price, 0), await fleet.DayAsync(k));
    }

    static string Text(IReadOnlyDictionary<HttpStatusCode, int> answers) => string.Join(", ", answers.Select(static a => $"{a.Value} × {(int)a.Key}"));
}
