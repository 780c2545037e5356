using System.Globalization;
using System.Text.Json;
using static CurateMe.Cli.Drills.BudgetDrills;
using static CurateMe.Cli.Drills.Drill;
using static CurateMe.Cli.Drills.StoreDrills;

namespace CurateMe.Cli.Drills;

/// <summary>The drills of <c>cost-accumulation-lag.md</c>.</summary>
static class LagDrills
{
    const string Runbook = "cost-accumulation-lag";

    public static IEnumerable<Drill> All => [RedisGone(), DeadLetters(), RecorderBacklog(), TamperedHierarchy()];

    static Drill RedisGone() => new("redis-gone", Runbook, "Redis dies under load", Shared: true,
    [
        Setup("traffic, and both stores agree", static async rig =>
        {
            await DrillRig.ChatsAsync(40, 4, _ => rig.ChatAsync());
            // A gateway looks at the counters once a second; what it saw last is what it goes on with.
            await Task.Delay(1_200);
            await DrillRig.ChatsAsync(4, 1, _ => rig.ChatAsync());
        }),
        Shows(StepKind.Setup, "verify-drift", "no drift", static (_, result) => InStep(result)),
        Happens("Redis is killed, traffic goes on", static async rig =>
        {
            // The check before may have taken longer than a look lasts.
            await DrillRig.ChatsAsync(4, 1, _ => rig.ChatAsync());
            await rig.KillRedisAsync();
            await DrillRig.ChatsAsync(20, 4, _ => rig.ChatAsync());
        }),
        Shows(StepKind.Symptom, "health", "redis_connected is false", static (_, result) =>
            result.ExitCode == 1 && !result.Json.GetProperty("redis_connected").GetBoolean() && result.Json.GetProperty("mongo_connected").GetBoolean() ? null : result.ToString()),
        Shows(StepKind.Symptom, "costs-today", "redis_daily_total is 0", static (_, result) =>
            result.ExitCode == 1 && Dollars(result.Json, "redis_daily_total") == 0 && Dollars(result.Json, "mongodb_daily_total") > 0 && !result.Json.GetProperty("redis_connected").GetBoolean()
                ? null : result.ToString()),
        Shows(StepKind.Symptom, "fallbacks", "holds were granted without the counters", static (_, result) => result.ExitCode == 0 ? null : result.ToString()),
        Shows(StepKind.Symptom, "redis-container", "its container does not run", static (_, result) => result.ExitCode != 0 ? null : result.ToString()),
        Sees(StepKind.Symptom, "requests are answered all the same, within this gateway's part", static async rig => Answered(await rig.ChatAsync())),
        Runs(StepKind.Fix, "restart-redis", "it is started again", static result => result.Output == "curateme-redis" ? null : result.ToString()),
        Runs(StepKind.Fix, "redis-container", "its container runs"),
        Shows(StepKind.Fix, "redis-itself", "it answers", static (_, result) =>
            result.ExitCode == 0 && result.Output.Contains("PONG", StringComparison.Ordinal) && result.Output.Contains("used_memory_human", StringComparison.Ordinal)
            && result.Output.Contains("instantaneous_ops_per_sec", StringComparison.Ordinal) ? null : result.ToString()),
        Shows(StepKind.Fix, "reconcile", "the counters are made equal to the ledger", static (_, result) => result.ExitCode == 0 && result.Json.GetProperty("data").GetArrayLength() == 1 ? null : result.ToString()),
        .. Verified(),
        Runs(StepKind.Prevention, "redis-persistence", "it keeps its data and evicts nothing", static result =>
            result.Output.Contains("yes", StringComparison.Ordinal) && result.Output.Contains("noeviction", StringComparison.Ordinal) ? null : result.ToString()),
    ]);

    static Drill DeadLetters() => new("dead-letters", Runbook, "MongoDB refuses writes until the list of dead letters grows", Shared: true,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(20, 4, _ => rig.ChatAsync())),
        Shows(StepKind.Setup, "verify-drift", "no drift", static (_, result) => InStep(result)),
        Happens("MongoDB is cut off, traffic goes on", static async rig =>
        {
            rig.StopMongo();
            await DrillRig.ChatsAsync(150, 8, _ => rig.ChatAsync());
        }),
        Shows(StepKind.Symptom, "health", "mongo_connected is false", static (_, result) =>
            result.ExitCode == 1 && !result.Json.GetProperty("mongo_connected").GetBoolean() && result.Json.GetProperty("redis_connected").GetBoolean() ? null : result.ToString()),
        Shows(StepKind.Symptom, "dead-letters", "more than 100 dead letters", static (_, result) =>
            int.Parse(result.Output, CultureInfo.InvariantCulture) > 100 ? null : result.ToString()),
        Shows(StepKind.Symptom, "costs-today", "the ledger stands, the counters do not", static (_, result) =>
            result.ExitCode == 1 && Dollars(result.Json, "drift_pct") > 10 && !result.Json.GetProperty("mongo_connected").GetBoolean() ? null : result.ToString()),
        Sees(StepKind.Symptom, "requests are answered all the same", static async rig => Answered(await rig.ChatAsync())),
        Shows(StepKind.Symptom, "evidence", "what to collect", static (_, result) => result.Output.Contains("\"data\"", StringComparison.Ordinal) ? null : result.ToString()),
        new(StepKind.Fix, "MongoDB is brought back", Block: null, static (rig, _) =>
        {
            rig.StartMongo();
            return Task.FromResult<string?>(null);
        }, Polled: false),
        Shows(StepKind.Fix, "mongo-answers", "it answers", static (_, result) => result.ExitCode == 0 && result.Output.Contains("ok: 1", StringComparison.Ordinal) ? null : result.ToString()),
        Shows(StepKind.Fix, "replay-dlq", "the dead letters are replayed", static (_, result) => result.ExitCode == 0 && result.Json.GetProperty("remaining").GetInt64() == 0 ? null : result.ToString()),
        .. Verified(),
    ]);

    static Drill RecorderBacklog() => new("recorder-backlog", Runbook, "Records come faster than MongoDB takes them", Shared: true,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(20, 4, _ => rig.ChatAsync())),
        Happens("MongoDB becomes slow under load", static async rig =>
        {
            // Two workers write twenty records in three seconds then, whatever the machine.
            rig.Mongo!.DelayMs = 3_000;
            await DrillRig.ChatsAsync(400, 16, _ => rig.ChatAsync());
        }),
        Shows(StepKind.Symptom, "recorder-queue", "queue_depth above 100, nothing dropped", static (_, result) =>
            result.ExitCode == 0 && result.Json.GetProperty("queue_depth").GetInt64() > 100 && result.Json.GetProperty("dropped_records").GetInt64() == 0
            && result.Json.GetProperty("workers").GetInt32() == 2 && result.Json.GetProperty("batch_size").GetInt32() == 20 ? null : result.ToString()),
        Shows(StepKind.Fix, "slow-down", "the org is slowed down", static (_, result) =>
            result.ExitCode == 0 && result.Json.GetProperty("rate_limit_rpm").GetInt32() == 60 && result.Json.GetProperty("queue").GetProperty("max_depth").GetInt32() == 50 ? null : result.ToString()),
        new(StepKind.Fix, "MongoDB is as fast as before", Block: null, static (rig, _) =>
        {
            rig.Mongo!.DelayMs = 0;
            return Task.FromResult<string?>(null);
        }, Polled: false),
        new(StepKind.Fix, "the gateway is restarted with more workers and larger writes", "recorder-workers", static async (rig, _) =>
        {
            var set = Drills.Runbook.Read(rig.Runbooks, Runbook).Blocks["recorder-workers"];
            var lines = (await rig.ShellAsync($"set -a\n{set}\nenv | grep ^COST_RECORDER_")).Output.Split('\n');
            await rig.RestartGatewayAsync(lines.Select(static line => KeyValuePair.Create(line.Split('=')[0], line.Split('=')[1])));
            return null;
        }, Polled: false),
        Shows(StepKind.Recovery, "recorder-queue", "the queue is empty; four workers, 50 a write", static (_, result) =>
            result.ExitCode == 0 && result.Json.GetProperty("queue_depth").GetInt64() == 0 && result.Json.GetProperty("workers").GetInt32() == 4 && result.Json.GetProperty("batch_size").GetInt32() == 50
                ? null : result.ToString()),
        .. Verified(),
        Runs(StepKind.Prevention, "last-policy-change", "what to undo", static result =>
            result.Json.GetProperty("after").GetProperty("rate_limit_rpm").GetInt32() == 60 && result.Json.GetProperty("audit_id").GetInt64() > 0 ? null : result.ToString()),
    ]);

    static Drill TamperedHierarchy() => new("tampered-hierarchy", Runbook, "Somebody writes into the counters by hand", Shared: true,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(40, 4, _ => rig.ChatAsync())),
        Shows(StepKind.Setup, "verify-drift", "no drift", static (_, result) => InStep(result)),
        Happens("the org's and the team's fields are changed", static async rig =>
        {
            var day = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
            var hash = $"'gateway:daily_cost:{{{DrillRig.Org}}}:{day}'";
            var done = await rig.ShellAsync($"redis-cli -u $REDIS_URL hset {hash} org 7000000000\nredis-cli -u $REDIS_URL hset {hash} team:{DrillRig.Team} 3000000000");
            if (done.ExitCode != 0 || done.Output.Contains("ERR", StringComparison.Ordinal))
            {
                throw new DrillException($"the counters could not be tampered with: {done}");
            }
        }),
        Shows(StepKind.Symptom, "costs-today", "the day's total is off", static (_, result) => result.ExitCode == 1 && Dollars(result.Json, "drift_pct") > 10 ? null : result.ToString()),
        Runs(StepKind.Symptom, "budget-tree", "org, team and keys do not add up", static result => AddsUp(result.Json) is not null ? null : result.ToString()),
        Runs(StepKind.Fix, "reconcile-tree", "all are rebuilt; before and after are listed", static result =>
            result.Json.GetProperty("changed").GetInt32() >= 2 && result.Json.GetProperty("counters").EnumerateArray().Any(static c => Text(c, "node") == "org" && Dollars(c, "before") == 7) ? null : result.ToString()),
        Runs(StepKind.Recovery, "budget-tree", "they add up", static result => AddsUp(result.Json)),
        .. Verified(),
    ]);

    // Section 4 of the runbook, in its order.
    static IEnumerable<Step> Verified() =>
    [
        Shows(StepKind.Recovery, "verify-drift", "drift below 2 %", static (_, result) => InStep(result)),
        Shows(StepKind.Recovery, "verify-dead-letters", "no dead letters", static (_, result) => result.Output == "0" ? null : result.ToString()),
        Runs(StepKind.Recovery, "verify-request", "a request is counted", static (rig, result) =>
        {
            rig["BEFORE"] = Cost(result);
            return Task.FromResult<string?>(null);
        }),
        Shows(StepKind.Recovery, "verify-request", "X-CM-Daily-Cost rises", static (rig, result) =>
            decimal.Parse(Cost(result), CultureInfo.InvariantCulture) > decimal.Parse(rig["BEFORE"], CultureInfo.InvariantCulture) ? null : result.ToString()),
        Shows(StepKind.Recovery, "verify-health", "both stores answer, the queues are empty", static (_, result) =>
            result.ExitCode == 0 && result.Json.GetProperty("redis_connected").GetBoolean() && result.Json.GetProperty("mongo_connected").GetBoolean() ? null : result.ToString()),
        Runs(StepKind.Recovery, "verify-log", "the gateway's log"),
        Shows(StepKind.Recovery, "verify-status", "healthy", static (_, result) => result.Output == "\"healthy\"" ? null : result.ToString()),
    ];

    static string Cost(ShellResult result) => result.Output.Split(':')[^1].Trim();

    static string? AddsUp(JsonElement tree)
    {
        var org = tree.GetProperty("org");
        var teams = org.GetProperty("children").EnumerateArray().ToList();
        var right = Spent(org) == teams.Sum(Spent) && teams.All(static t => Text(t, "kind") != "team" || Spent(t) == t.GetProperty("children").EnumerateArray().Sum(Spent));
        return right ? null : tree.ToString();
    }

    static long Spent(JsonElement node) => node.GetProperty("daily").GetProperty("spent_nano_usd").GetInt64();
}
