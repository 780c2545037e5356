using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

public sealed class CostTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    // Holds, settles and records a request as the data plane does.
    async Task<UsageRecord> SpendAsync(Principal principal, string model, long nano, string? runner = null, string? session = null, string? tags = null)
    {
        var record = new UsageRecord
        {
            Id = RequestId.New(Now),
            OrgId = principal.OrgId,
            TeamId = principal.TeamId,
            KeyId = principal.KeyId,
            RunnerId = runner,
            SessionId = session,
            Provider = "openai",
            Model = model,
            RequestedModel = model,
            Endpoint = "chat.completions",
            Day = DateOnly.FromDateTime(Now.UtcDateTime),
            Timestamp = Now,
            PriceVersion = "test",
            Tags = tags,
            Status = RecordStatus.Held,
        };
        var held = await _host.Counters.HoldAsync(new HoldRequest(record, principal.Path, new NanoUsd(nano), new NanoUsd(nano), TimeSpan.FromMinutes(1)), default);
        Assert.Equal(HoldVerdict.Admitted, held.Verdict);
        record.Hold = new NanoUsd(nano);
        record.Cost = new NanoUsd(nano);
        record.Status = RecordStatus.Settled;
        record.StatusCode = 200;
        record.Usage[BilledUnit.InputToken] = 10;
        record.Usage[BilledUnit.OutputToken] = 5;
        await _host.Counters.EndAsync(record, default);
        await _host.Ledger.RecordAsync([record], default);
        return record;
    }

    async Task<(string OrgId, AdminClient Client, Principal Principal, Team Team)> PayerAsync()
    {
        var (org, client) = await _host.OrgAsync();
        var team = await client.CreateTeamAsync(new TeamCreate { DailyBudget = NanoUsd.FromDollars(10) });
        var key = await client.CreateKeyAsync(new KeyCreate { TeamId = team.TeamId });
        return (org, client, (await _host.Keys.FindAsync(key.Key, default))!, team);
    }

    [Fact]
    public async Task Daily_AfterSpending_SaysWhoSpentWhat()
    {
        var (org, client, payer, _) = await PayerAsync();
        await SpendAsync(payer, "gpt-5.1", 1_500_000_001);
        await SpendAsync(payer, "gpt-5.1", 500_000_000);
        await SpendAsync(payer, "gpt-4o", 250_000_000);
        var costs = await client.GetDailyCostsAsync();
        Assert.Equal((org, "counters"), (costs.OrgId, costs.Source));
        Assert.Equal(2_250_000_001, costs.DailySpendNanoUsd);
        Assert.Equal(2_250_000_001, costs.MonthlySpendNanoUsd);
        Assert.Equal(NanoUsd.FromDollars(25), costs.DailyBudget);
        Assert.Equal([new ModelCost("gpt-5.1", new NanoUsd(2_000_000_001), 2), new ModelCost("gpt-4o", new NanoUsd(250_000_000), 1)], costs.TopModels);

        var raw = await _host.SendAsync("GET", "/api/v1/admin/gateway/costs/daily", orgId: org);
        Assert.Contains("\"daily_spend\":2.250000001,", raw.Text);
        Assert.Contains("\"daily_budget\":25,", raw.Text);
        var yesterday = await client.GetDailyCostsAsync(costs.Date.AddDays(-1));
        Assert.Equal((0, "ledger"), (yesterday.DailySpendNanoUsd, yesterday.Source));
        Assert.Empty(yesterday.TopModels);
    }

    [Fact]
    public async Task Usage_SortFilterAndPage_GiveEveryRecordOnce()
    {
        var (org, client, payer, team) = await PayerAsync();
        List<UsageRecord> made = [];
        for (var i = 0; i < 7; i++)
        {
            made.Add(await SpendAsync(payer, i % 2 == 0 ? "gpt-4o" : "gpt-5.1", 1_000 * (i + 1), tags: "app=web,env=prod"));
        }
        List<UsageEntry> read = [];
        string? cursor = null;
        do
        {
            var page = await client.ListUsageAsync([("limit", "3"), ("sort", "cost_desc"), ("cursor", cursor)]);
            read.AddRange(page.Data);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        Assert.Equal(made.OrderByDescending(r => r.Cost.Value).Select(r => r.Id.ToString()), read.Select(r => r.RequestId));
        var entry = read[0];
        Assert.Equal((org, team.TeamId, payer.KeyId, "settled", "provider"), (entry.OrgId, entry.TeamId, entry.KeyId, entry.Status, entry.UsageSource));
        Assert.Equal((10, 5, 7_000), (entry.PromptTokens, entry.CompletionTokens, entry.CostNanoUsd));
        Assert.Equal("prod", entry.Tags["env"]);
        Assert.Equal(3, (await client.ListUsageAsync([("model", "gpt-5.1")])).Data.Count);
        Assert.Empty((await client.ListUsageAsync([("team_id", "team_other")])).Data);
        Assert.Empty((await client.ListUsageAsync([("to", "2020-01-01")])).Data);

        var one = await _host.SendAsync("GET", $"/api/v1/admin/gateway/usage/{entry.RequestId}", orgId: org);
        Assert.Equal(7_000, (long)one.Json!["cost_nano_usd"]!);
        var (other, _) = await _host.OrgAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync("GET", $"/api/v1/admin/gateway/usage/{entry.RequestId}", orgId: other)).Status);
    }

    [Fact]
    public async Task Usage_AsCsv_IsTheSameRecords()
    {
        var (org, _, payer, _) = await PayerAsync();
        for (var i = 0; i < 5; i++)
        {
            await SpendAsync(payer, "=cmd|' /C calc'!A0,\"x\"", 1_000 + i);
        }
        foreach (var query in (string[])["?format=csv", "?format=csv&limit=3"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/admin/gateway/usage{query}");
            request.Headers.Add("Authorization", $"Bearer {AdminHost.Token}");
            request.Headers.Add("X-Org-ID", org);
            using var response = await _host.Http.SendAsync(request);
            Assert.Equal("text/csv", response.Content.Headers.ContentType!.MediaType);
            var lines = (await response.Content.ReadAsStringAsync()).TrimEnd().Split("\r\n");
            Assert.Equal(query.Contains("limit", StringComparison.Ordinal) ? 4 : 6, lines.Length);
            Assert.StartsWith("request_id,ts,org_id,", lines[0]);
            Assert.Contains("\"'=cmd|' /C calc'!A0,\"\"x\"\"\"", lines[1]);
        }
        var accepted = await _host.SendAsync("GET", "/api/v1/admin/gateway/usage?format=json", orgId: org);
        Assert.NotNull(accepted.Json);
    }

    [Fact]
    public async Task Billing_SumOfLines_IsTheSumOfUsage()
    {
        var (org, client, payer, _) = await PayerAsync();
        var random = new Random(7);
        for (var i = 0; i < 20; i++)
        {
            await SpendAsync(payer, $"model-{random.Next(4)}", random.NextInt64(1, 100_000_000));
        }
        var bill = Assert.Single((await client.GetBillingAsync()).Data);
        var usage = (await client.ListUsageAsync([("limit", "1000")])).Data;
        Assert.Equal(usage.Sum(u => u.CostNanoUsd), bill.TotalNanoUsd);
        Assert.Equal(usage.Sum(u => u.CostNanoUsd), bill.Lines.Sum(l => l.CostNanoUsd));
        Assert.Equal(20, bill.Requests);
        Assert.Contains(await BillsOfAllAsync(), b => b.OrgId == org && b.TotalNanoUsd == bill.TotalNanoUsd);
        var csv = await _host.SendAsync("GET", "/api/v1/admin/gateway/billing?format=csv", orgId: org);
        var sum = csv.Text.TrimEnd().Split("\r\n").Skip(1).Sum(line => long.Parse(line.Split(',')[8], CultureInfo.InvariantCulture));
        Assert.Equal(bill.TotalNanoUsd, sum);
    }

    async Task<List<OrgBill>> BillsOfAllAsync()
    {
        List<OrgBill> bills = [];
        string? cursor = null;
        do
        {
            var page = (await _host.SendAsync("GET", $"/api/v1/admin/gateway/billing?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}")).Json!;
            bills.AddRange(System.Text.Json.JsonSerializer.Deserialize(page.ToJsonString(), AdminJson.Default.PageOrgBill)!.Data);
            cursor = (string?)page["next_cursor"];
        }
        while (cursor is not null);
        return bills;
    }

    [Fact]
    public async Task Breakdown_ByModelAndTag_AddsUp()
    {
        var (_, client, payer, _) = await PayerAsync();
        await SpendAsync(payer, "gpt-4o", 100, tags: "app=web");
        await SpendAsync(payer, "gpt-4o", 200, tags: "app=batch");
        await SpendAsync(payer, "gpt-5.1", 400);
        var byModel = await client.GetBreakdownAsync("model");
        Assert.Equal([("gpt-5.1", 400L), ("gpt-4o", 300L)], byModel.Data.Select(r => (r.Group["model"]!, r.CostNanoUsd)));
        var byTag = await client.GetBreakdownAsync("tag:app,key");
        Assert.Equal([(null, 400L), ("batch", 200L), ("web", 100L)], byTag.Data.Select(r => (r.Group["tag:app"], r.CostNanoUsd)));
        Assert.All(byTag.Data, r => Assert.Equal(payer.KeyId, r.Group["key"]));
    }

    [Fact]
    public async Task Budgets_Tree_ShowsEachNodeAndTakesLimits()
    {
        var (org, client, payer, team) = await PayerAsync();
        await SpendAsync(payer, "gpt-4o", 2_500_000_000);
        var tree = await client.GetBudgetsAsync(org);
        Assert.Equal(2_500_000_000, tree.Org.Daily.SpentNanoUsd);
        Assert.Equal(10, tree.Org.Daily.Pct);
        var node = Assert.Single(tree.Org.Children);
        Assert.Equal(($"team:{team.TeamId}", 25.0), (node.Node, node.Daily.Pct));
        Assert.Null(node.Monthly.Pct);
        Assert.Equal($"key:{payer.KeyId}", Assert.Single(node.Children).Node);

        tree = await client.SetNodeLimitsAsync(org, $"key:{payer.KeyId}", new JsonObject { ["daily_budget"] = 5 });
        Assert.Equal(50, tree.Org.Children[0].Children[0].Daily.Pct);
        tree = await client.SetNodeLimitsAsync(org, $"team:{team.TeamId}", new JsonObject { ["daily_budget"] = null, ["monthly_budget"] = 0 });
        Assert.Null(tree.Org.Children[0].Daily.Limit);
        Assert.Equal(100, tree.Org.Children[0].Monthly.Pct);
        tree = await client.SetNodeLimitsAsync(org, "org", new JsonObject { ["monthly_budget"] = "unlimited" });
        Assert.Null(tree.Org.Monthly.Limit);
        Assert.Equal(NanoUsd.FromDollars(25), tree.Org.Daily.Limit);
    }

    [Fact]
    public async Task ResetDaily_SetsLiveCountersBackAndNothingElse()
    {
        var (org, client, payer, _) = await PayerAsync();
        await SpendAsync(payer, "gpt-4o", 3_000_000_000);
        var reset = await client.ResetDailyAsync(org);
        Assert.Equal(3_000_000_000, reset.BeforeNanoUsd);
        Assert.Equal(new NanoUsd(3_000_000_000), reset.Nodes[$"key:{payer.KeyId}"]);
        var costs = await client.GetDailyCostsAsync();
        Assert.Equal((0, 3_000_000_000), (costs.DailySpendNanoUsd, costs.MonthlySpendNanoUsd));
        Assert.Equal(3_000_000_000, costs.TopModels.Sum(m => m.CostNanoUsd));
        Assert.Single((await client.ListAuditAsync(action: "costs.reset_daily")).Data);
    }

    [Fact]
    public async Task Runbook_CostsTodayAndReconcile_FindAndMendTamperedCounters()
    {
        var (org, client, payer, _) = await PayerAsync();
        await SpendAsync(payer, "gpt-4o", 3_000_000_000);
        Assert.Equal((0, 3_000_000_000, 3_000_000_000), await TodayAsync(client));

        var day = DateOnly.FromDateTime(Now.UtcDateTime);
        var mark = await _host.Counters.MarkAsync(org, default);
        await _host.Counters.AdjustAsync(mark, [new CellDelta(new CellName("org", PeriodKind.Day, day), new NanoUsd(1_000_000_000))], default);
        Assert.Equal((25, 4_000_000_000, 3_000_000_000), await TodayAsync(client));

        var result = await client.ReconcileBudgetsAsync(org);
        Assert.Equal(1, result.Changed);
        Assert.Contains(result.Counters, c => c is { Node: "org", Period: "day", BeforeNanoUsd: 4_000_000_000, AfterNanoUsd: 3_000_000_000, Changed: true });
        Assert.Equal((0, 3_000_000_000, 3_000_000_000), await TodayAsync(client));

        await client.ResetDailyAsync(org);
        var again = Assert.Single((await client.ReconcileAsync(org)).Data);
        Assert.Equal((0, true), (again.Changed, again.ResetInForce));
        var today = await client.GetCostsTodayAsync();
        Assert.Equal((-100, 0, 3_000_000_000), (today.DriftPct, today.RedisDailyTotalNanoUsd, today.ResetNanoUsd));
        Assert.Equal(2, (await client.ListAuditAsync(action: "costs.reconcile")).Data.Count);
        Assert.True((await _host.Admin.GetCostsTodayAsync()).MongodbDailyTotalNanoUsd >= 3_000_000_000);
        Assert.Equal(new ReplayResult(0, 0), await _host.Admin.ReplayDlqAsync());
    }

    static async Task<(double, long, long)> TodayAsync(AdminClient client)
    {
        var today = await client.GetCostsTodayAsync();
        return (today.DriftPct, today.RedisDailyTotalNanoUsd, today.MongodbDailyTotalNanoUsd);
    }

    [Fact]
    public async Task Errors_BySource_AreCounted()
    {
        var errors = _host.Get<ErrorBook>();
        errors.Add("gateway", "non_atomic_fallback", "first");
        errors.Add("gateway", "non_atomic_fallback", "second");
        errors.Add("ledger", "store_away", "x");
        var group = Assert.Single((await _host.Admin.ListErrorsAsync("gateway")).Data);
        Assert.Equal(("non_atomic_fallback", 2L, "second"), (group.Code, group.Count, group.LastMessage));
        Assert.Empty((await _host.Admin.ListErrorsAsync(since: Now.AddDays(1))).Data);
    }

    [Fact]
    public async Task Audit_OfAChange_HasBeforeAndAfter()
    {
        var (org, client) = await _host.OrgAsync();
        await client.PatchPolicyAsync(org, new JsonObject { ["daily_budget"] = 50 });
        await client.PatchPolicyAsync(org, new JsonObject { ["daily_budget"] = 100.5 });
        var entries = (await client.ListAuditAsync(action: "policy.patch")).Data;
        Assert.Equal(2, entries.Count);
        Assert.Equal("""{"daily_budget":50}""", entries[0].Before!.ToJsonString());
        Assert.Equal("""{"daily_budget":100.5}""", entries[0].After!.ToJsonString());
        Assert.Equal(("admin_token", "127.0.0.1", "policy", org), (entries[0].Actor, entries[0].FromIp, entries[0].TargetType, entries[0].TargetId));
        var first = await client.ListAuditAsync(limit: 1);
        var second = await client.ListAuditAsync(limit: 1, cursor: first.NextCursor);
        Assert.Equal([entries[0].AuditId, entries[1].AuditId], [first.Data[0].AuditId, second.Data[0].AuditId]);
    }

    [Fact]
    public async Task Metrics_SayHowTheStoresAre()
    {
        var metrics = await _host.Admin.GetMetricsAsync();
        Assert.Equal((0, 0, 0), (metrics.CostRecorder.QueueDepth, metrics.CostRecorder.DroppedRecords, metrics.CostRecorder.DlqDepth));
        Assert.True(metrics.BudgetStore.Connected);
        Assert.True(metrics.Ledger.Connected);
    }

    [Fact]
    public async Task OpenApi_Document_DescribesEveryRoute()
    {
        var document = await _host.SendAsync("GET", "/openapi/v1.json", token: null);
        Assert.Equal(HttpStatusCode.OK, document.Status);
        var paths = document.Json!["paths"]!.AsObject();
        Assert.Equal("#/components/schemas/PolicyDocument", (string?)paths["/api/v1/admin/gateway/policy/{org}"]!["patch"]!["requestBody"]!["content"]!["application/json"]!["schema"]!["$ref"]);
        Assert.Equal("GetBudgets", (string?)paths["/gateway/admin/budgets/{org}"]!["get"]!["operationId"]);
        Assert.Contains(paths["/api/v1/admin/gateway/usage"]!["get"]!["parameters"]!.AsArray(), p => (string?)p!["name"] == "key_id");
        Assert.DoesNotContain(paths, p => p.Key.Contains("**", StringComparison.Ordinal));
        Assert.Contains("daily_spend_nano_usd", document.Text);
    }
}
