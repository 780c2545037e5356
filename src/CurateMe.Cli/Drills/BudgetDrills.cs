using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using static CurateMe.Cli.Drills.Drill;

namespace CurateMe.Cli.Drills;

/// <summary>The drills of <c>budget-exceeded.md</c>.</summary>
static class BudgetDrills
{
    const string Runbook = "budget-exceeded";

    public static IEnumerable<Drill> All => [RunawayLoop(), DearerModel(), FleetWithoutCaps(), EmergencyReset()];

    static Drill RunawayLoop() => new("runaway-loop", Runbook, "One agent asks the same thing again and again until the org's budget is gone", Shared: false,
    [
        Setup("an org with $0.02 a day, an application that works, and an agent with a key of its own", async rig =>
        {
            await rig.PolicyAsync("""{"daily_budget": 0.02}""");
            Require(await rig.ChatAsync(), 200);
            (rig["KEY_ID"], rig["LOOP_KEY"]) = await rig.KeyAsync("agent");
        }),
        Runs(StepKind.Prevention, "alert-by-webhook", "alerts are wanted", static result => Text(result.Json, "webhook_id").Length > 0 && Text(result.Json, "secret").Length > 0 ? null : result.ToString()),
        Happens("the agent loops", async rig =>
        {
            for (var i = 0; i < 1_000 && (await rig.ChatAsync(rig["LOOP_KEY"], prompt: "Try once more.", maxTokens: 500, simulate: "output_tokens=400")).Status == 200; i++)
            {
            }
        }),
        Sees(StepKind.Symptom, "the application is refused: 403, daily_budget", async rig => Denied(await rig.ChatAsync(maxTokens: 2_000), "daily_budget", "GW_COST_002")),
        Sees(StepKind.Symptom, "budget_warning and budget_exceeded arrive at the webhook", static rig => Task.FromResult(
            Array.TrueForAll(["budget_warning", "budget_exceeded"], type => rig.Events.Any(e => JsonNode.Parse(e)?["type"]?.GetValue<string>() == type)) ? null : string.Join('\n', rig.Events))),
        Runs(StepKind.Symptom, "current-spend", "the day's budget is spent", static result =>
            Dollars(result.Json, "daily_spend") > 0.015m && Dollars(result.Json, "daily_budget") == 0.02m && Text(result.Json.GetProperty("top_models")[0], "model") == "gpt-4o-mini"
                ? null : $"daily_spend, daily_budget and top_models do not say so: {result}"),
        Runs(StepKind.Symptom, "dearest-requests", "one key, and the same prompt over and over", static (rig, result) =>
        {
            var records = result.Json.GetProperty("data").EnumerateArray().ToList();
            var loops = records.Where(r => Text(r, "key_id") == rig["KEY_ID"]).Select(static r => Text(r, "prompt_hash")).ToList();
            return Task.FromResult(records.Count > 10 && loops.Count >= records.Count - 1 && loops.Distinct(StringComparer.Ordinal).Count() == 1
                && records.All(static r => r.TryGetProperty("completion_tokens", out _)) ? null : $"no loop to be seen: {result}");
        }),
        Runs(StepKind.Fix, "disable-key", "the key is stopped", static result => Text(result.Json, "status") == "disabled" ? null : result.ToString()),
        Sees(StepKind.Fix, "the agent is refused", static async rig => Denied(await rig.ChatAsync(rig["LOOP_KEY"]), "key_disabled", "GW_AUTH_002")),
        Runs(StepKind.Fix, "raise-daily-budget", "the org gets a larger budget", static result => Dollars(result.Json, "daily_budget") == 50 ? null : result.ToString()),
        Sees(StepKind.Recovery, "the application works", static async rig => Answered(await rig.ChatAsync(maxTokens: 2_000))),
        Runs(StepKind.Recovery, "enable-key", "the mended agent may go on", static result => Text(result.Json, "status") == "active" ? null : result.ToString()),
        Sees(StepKind.Recovery, "the agent works", static async rig => Answered(await rig.ChatAsync(rig["LOOP_KEY"]))),
    ]);

    static Drill DearerModel() => new("dearer-model", Runbook, "An application moves from gpt-4o-mini to gpt-5.1 on the budget of before", Shared: false,
    [
        Setup("an org with $0.05 a day and the traffic of a cheap model", async rig =>
        {
            await rig.PolicyAsync("""{"daily_budget": 0.05}""");
            for (var i = 0; i < 10; i++)
            {
                Require(await rig.ChatAsync(), 200);
            }
        }),
        Happens("the dearer model is used", async rig =>
        {
            for (var i = 0; i < 1_000 && (await DearAsync(rig)).Status == 200; i++)
            {
            }
        }),
        Sees(StepKind.Symptom, "requests are refused: daily_budget", static async rig => Denied(await DearAsync(rig), "daily_budget", "GW_COST_002")),
        Runs(StepKind.Symptom, "current-spend", "the new model leads top_models with few requests", static result =>
        {
            var top = result.Json.GetProperty("top_models").EnumerateArray().ToList();
            return top.Count == 2 && Text(top[0], "model") == "gpt-5.1" && top[0].GetProperty("requests").GetInt64() < top[1].GetProperty("requests").GetInt64() ? null : result.ToString();
        }),
        Runs(StepKind.Fix, "raise-budget-and-cap", "the budget follows the model, with a cap for each request", static result =>
            Dollars(result.Json, "daily_budget") == 100 && Dollars(result.Json, "max_cost_per_request") == 2 ? null : result.ToString()),
        Sees(StepKind.Recovery, "requests are answered", static async rig => Answered(await DearAsync(rig))),
        Sees(StepKind.Recovery, "no request may cost more than the cap", static async rig =>
            Denied(await rig.ChatAsync(model: "gpt-5-pro", maxTokens: 40_000), "cost_per_request", "GW_COST_001")),
        Runs(StepKind.Prevention, "cap-requests", "a lower cap", static result => Dollars(result.Json, "max_cost_per_request") == 1 ? null : result.ToString()),
        Setup("a cap above the threshold that people decide at", static rig => rig.PolicyAsync("""{"max_cost_per_request": 100, "daily_budget": 1000}""")),
        Runs(StepKind.Prevention, "approve-dear-requests", "dear requests wait for a person", static result => Dollars(result.Json, "hitl_threshold") == 5 ? null : result.ToString()),
        Sees(StepKind.Prevention, "one waits: 202 with an approval_id", static async rig =>
        {
            var answer = await rig.ChatAsync(model: "gpt-5-pro", maxTokens: 100_000);
            return answer.Status == 202 && JsonNode.Parse(answer.Body)?["approval_id"] is not null && answer.Headers.ContainsKey("X-CM-Approval-ID") ? null : answer.ToString();
        }),
    ]);

    static Drill FleetWithoutCaps() => new("fleet-without-caps", Runbook, "Runners without a limit on their sessions burn the org's money", Shared: false,
    [
        Setup("a runner as it is registered, without a limit", async rig =>
        {
            await rig.PolicyAsync("""{"max_cost_per_request": 50}""");
            var runner = await rig.AskAsync(HttpMethod.Post, "/gateway/admin/runners", new JsonObject { ["name"] = "fleet" });
            (rig["RUNNER_ID"], rig["RUNNER_TOKEN"]) = (Text(runner, "runner_id"), Text(runner, "token"));
        }),
        Happens("its sessions ask for much", static async rig =>
        {
            for (var i = 0; i < 6; i++)
            {
                Require(await DearSessionAsync(rig, $"session-{i % 3}"), 200);
            }
        }),
        Runs(StepKind.Symptom, "runner-costs", "sessions cost dollars each, several are active, and none has a limit", static (rig, result) =>
        {
            var runner = result.Json.GetProperty("data").EnumerateArray().FirstOrDefault(r => Text(r, "runner_id") == rig["RUNNER_ID"]);
            return Task.FromResult(runner.ValueKind == JsonValueKind.Object && runner.GetProperty("session_budget_limit").ValueKind == JsonValueKind.Null && runner.GetProperty("active_sessions").GetInt32() == 3
                && runner.GetProperty("sessions").EnumerateArray().All(static s => Dollars(s, "cost") > 5) ? null : result.ToString());
        }),
        Runs(StepKind.Fix, "cap-sessions", "a limit for each session", static result => Dollars(result.Json, "session_budget_limit") == 5 ? null : result.ToString()),
        Sees(StepKind.Recovery, "a session that is over it is refused: session_budget", static async rig => Denied(await DearSessionAsync(rig, "session-0"), "session_budget", "GW_COST_005")),
        Sees(StepKind.Recovery, "a new session works", static async rig => Answered(await rig.ChatAsync(rig["RUNNER_TOKEN"], session: "session-new"))),
    ]);

    static Drill EmergencyReset() => new("emergency-reset", Runbook, "An org is rightly blocked and has to work before midnight", Shared: false,
    [
        Setup("an org with $0.0001 a day", static rig => rig.PolicyAsync("""{"daily_budget": 0.0001}""")),
        Happens("it spends them", async rig =>
        {
            rig["FROM"] = Rfc3339(TimeProvider.System.GetUtcNow().AddMinutes(-1));
            for (var i = 0; i < 100 && (await rig.ChatAsync(simulate: "output_tokens=15")).Status == 200; i++)
            {
            }
            await rig.ChatAsync("cm_sk_nobodys-key-0000000000000000000000000000");
            rig["TO"] = Rfc3339(TimeProvider.System.GetUtcNow().AddMinutes(1));
        }),
        Sees(StepKind.Symptom, "it is refused: daily_budget", static async rig => Denied(await rig.ChatAsync(), "daily_budget", "GW_COST_002")),
        Runs(StepKind.Symptom, "export-window", "the window's requests, forwarded and refused, each with its address and key, and nobody else's", static (rig, result) =>
        {
            var rows = RequestRow.Read(result.Output);
            var (refused, settled) = (rows.Count(static r => r.Code == "daily_budget"), rows.Count(static r => r.Outcome == "settled"));
            return Task.FromResult(refused > 0 && settled > 3 && rows.Count == refused + settled && rows.All(r => r.Named && r.KeyId == rig["KEY_ID"]) ? null : result.ToString());
        }),
        Runs(StepKind.Symptom, "export-refused", "a key that is nobody's, with its address and its beginning", static (_, result) =>
        {
            var unknown = RequestRow.Read(result.Output).Where(static r => r.Code == "invalid_api_key").ToList();
            return Task.FromResult(unknown is [{ Named: true, KeyId: "", KeyPrefix: "cm_sk_nobo" }] ? null : result.ToString());
        }),
        Runs(StepKind.Fix, "reset-daily", "the day's counter is set to zero", static (rig, result) =>
        {
            rig["SPENT"] = result.Json.GetProperty("before").GetDecimal().ToString(CultureInfo.InvariantCulture);
            return Task.FromResult(Text(result.Json, "org_id") == DrillRig.Org && Dollars(result.Json, "before") > 0 ? null : result.ToString());
        }),
        Sees(StepKind.Recovery, "it works", static async rig => Answered(await rig.ChatAsync())),
        Sees(StepKind.Recovery, "the ledger has all of it", static async rig =>
        {
            var bill = await rig.AskAsync(HttpMethod.Get, "/api/v1/admin/gateway/costs/breakdown?by=day");
            return Dollars(bill.GetProperty("data")[0], "cost") > decimal.Parse(rig["SPENT"], CultureInfo.InvariantCulture) ? null : bill.ToString();
        }),
        Sees(StepKind.Recovery, "a reconciliation keeps the reset in force and says so", static async rig =>
        {
            var report = await rig.AskAsync(HttpMethod.Post, $"/gateway/admin/budgets/{DrillRig.Org}/reconcile");
            return report.GetProperty("reset_in_force").GetBoolean() ? Answered(await rig.ChatAsync(maxTokens: 5)) : report.ToString();
        }),
    ]);

    static Task<ChatAnswer> DearAsync(DrillRig rig) => rig.ChatAsync(model: "gpt-5.1", maxTokens: 1_000, simulate: "output_tokens=900");

    // More than $5 in one session: two of these.
    static Task<ChatAnswer> DearSessionAsync(DrillRig rig, string session) =>
        rig.ChatAsync(rig["RUNNER_TOKEN"], model: "o1", maxTokens: 60_000, simulate: "output_tokens=50000", session: session);

    internal static string Rfc3339(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    internal static string Text(JsonElement json, string property) => json.TryGetProperty(property, out var value) ? value.ToString() : "";

    internal static decimal Dollars(JsonElement json, string property) => json.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDecimal() : -1;

    internal static string? Answered(ChatAnswer answer) => answer.Status == 200 ? null : $"a request was answered {answer}";

    internal static void Require(ChatAnswer answer, int status)
    {
        if (answer.Status != status)
        {
            throw new DrillException($"a request was answered {answer}");
        }
    }

    static string? Denied(ChatAnswer answer, string code, string gatewayCode) =>
        answer.Code == code && answer.Body.Contains($"\"{gatewayCode}\"", StringComparison.Ordinal) && answer.Status is 401 or 403 ? null : $"not refused with {code}: {answer}";
}
