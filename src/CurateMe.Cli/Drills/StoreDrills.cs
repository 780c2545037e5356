using System.Globalization;
using System.Text.Json;
using static CurateMe.Cli.Drills.BudgetDrills;
using static CurateMe.Cli.Drills.Drill;

namespace CurateMe.Cli.Drills;

/// <summary>The drills of <c>redis-incident.md</c> and <c>mongo-incident.md</c>.</summary>
static class StoreDrills
{
    const string Redis = "redis-incident";
    const string Mongo = "mongo-incident";

    public static IEnumerable<Drill> All => [RedisFlushed(), RedisEvicts(), StrictWithoutRedis(), MongoAway()];

    static Drill RedisFlushed() => new("redis-flushed", Redis, "Redis loses its data under load", Shared: true,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(40, 4, _ => rig.ChatAsync())),
        Shows(StepKind.Setup, "drift", "no drift", static (_, result) => InStep(result)),
        Happens("everything in Redis is deleted, traffic goes on", static async rig =>
        {
            Done(await rig.ShellAsync("redis-cli -u $REDIS_URL flushall"), "OK");
            await DrillRig.ChatsAsync(20, 4, _ => rig.ChatAsync());
        }),
        Shows(StepKind.Symptom, "rebuilt", "the counters were rebuilt", static (_, result) => result.ExitCode == 0 ? null : result.ToString()),
        Runs(StepKind.Fix, "settings", "it is the same server, with the right settings", static result =>
            result.Output.Contains("run_id", StringComparison.Ordinal) && result.Output.Contains("noeviction", StringComparison.Ordinal) ? null : result.ToString()),
        Shows(StepKind.Recovery, "drift", "counters and ledger agree, to the nano-dollar", static (_, result) =>
            InStep(result) ?? (Text(result.Json, "redis_daily_total_nano_usd") == Text(result.Json, "mongodb_daily_total_nano_usd") ? null : result.ToString())),
        Shows(StepKind.Recovery, "over", "healthy", static (_, result) => Healthy(result)),
    ]);

    static Drill RedisEvicts() => new("redis-evicts", Redis, "Somebody sets Redis up to drop keys when its memory is full", Shared: true,
    [
        Happens("maxmemory-policy allkeys-lru", static async rig => Done(await rig.ShellAsync("redis-cli -u $REDIS_URL config set maxmemory-policy allkeys-lru"), "OK")),
        Runs(StepKind.Symptom, "settings", "the setting is there", static result => result.Output.Contains("allkeys-lru", StringComparison.Ordinal) ? null : result.ToString()),
        Shows(StepKind.Symptom, "status", "the gateway warns about it", static (_, result) =>
            result.Json.GetProperty("warnings").EnumerateArray().Any(static w => w.ToString().Contains("allkeys-lru", StringComparison.Ordinal)) ? null : result.ToString()),
        Runs(StepKind.Fix, "no-eviction", "it is put right", static result => result.Output.Contains("OK", StringComparison.Ordinal) ? null : result.ToString()),
        Runs(StepKind.Fix, "slow-commands", "who uses it", static result => int.Parse(result.Output.Split('\n')[^1], CultureInfo.InvariantCulture) > 0 ? null : result.ToString()),
        Shows(StepKind.Recovery, "status", "nothing is warned about", static (_, result) =>
            !result.Json.GetProperty("warnings").EnumerateArray().Any(static w => w.ToString().Contains("maxmemory", StringComparison.Ordinal)) ? null : result.ToString()),
        Sees(StepKind.Recovery, "requests are answered", static async rig => Answered(await rig.ChatAsync())),
    ]);

    static Drill StrictWithoutRedis() => new("strict-without-redis", Redis, "Redis dies where nobody may be admitted without it", Shared: true,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(10, 2, _ => rig.ChatAsync())),
        Runs(StepKind.Setup, "deny-without-redis", "the policy", static result => Text(result.Json, "on_budget_store_loss") == "deny" ? null : result.ToString()),
        Happens("Redis is killed", static rig => rig.KillRedisAsync()),
        Shows(StepKind.Symptom, "health", "redis_connected is false", static (_, result) => result.ExitCode == 1 && !result.Json.GetProperty("redis_connected").GetBoolean() ? null : result.ToString()),
        Sees(StepKind.Symptom, "requests are refused: 503, budget_store_unavailable", static async rig =>
        {
            var answer = await rig.ChatAsync();
            return answer is { Status: 503, Code: "budget_store_unavailable" } ? null : answer.ToString();
        }),
        Shows(StepKind.Symptom, "container", "its container does not run", static (_, result) => result.ExitCode != 0 ? null : result.ToString()),
        Runs(StepKind.Fix, "restart", "it is started again"),
        Sees(StepKind.Recovery, "requests are answered", static async rig => Answered(await rig.ChatAsync())),
        Shows(StepKind.Recovery, "drift", "no drift", static (_, result) => InStep(result)),
        Shows(StepKind.Recovery, "over", "healthy", static (_, result) => Healthy(result)),
    ]);

    static Drill MongoAway() => new("mongo-away", Mongo, "MongoDB is gone for a while", Shared: true,
    [
        Setup("traffic, and a key that nobody used yet", static async rig =>
        {
            await DrillRig.ChatsAsync(20, 4, _ => rig.ChatAsync());
            (_, rig["NEW_KEY"]) = await rig.KeyAsync("new");
        }),
        Shows(StepKind.Setup, "drift", "no drift", static (_, result) => InStep(result)),
        Happens("MongoDB stops, traffic goes on", static async rig =>
        {
            rig.StopMongo();
            for (var i = 0; i < 30; i++)
            {
                Require(await rig.ChatAsync(), 200);
            }
        }),
        Shows(StepKind.Symptom, "health", "mongo_connected is false", static (_, result) => result.ExitCode == 1 && !result.Json.GetProperty("mongo_connected").GetBoolean() ? null : result.ToString()),
        Shows(StepKind.Symptom, "status", "degraded, and the queue grows", static (_, result) =>
            Text(result.Json, "status") == "degraded" && result.Json.GetProperty("queue_depth").GetInt64() >= 30 ? null : result.ToString()),
        Shows(StepKind.Symptom, "container", "its container does not run", static (_, result) => result.ExitCode != 0 ? null : result.ToString()),
        Sees(StepKind.Symptom, "a change is answered 503 and is not made", static async rig =>
        {
            var answer = await rig.ShellAsync("curl -s -o /dev/null -w '%{http_code}' -X PATCH $CM_URL/api/v1/admin/gateway/policy/$ORG_ID -H \"Authorization: Bearer $ADMIN_TOKEN\" -H 'Content-Type: application/json' -d '{\"daily_budget\": 1}'");
            return answer.Output == "503" ? null : answer.ToString();
        }),
        Sees(StepKind.Symptom, "a key that this gateway has not seen is refused: 503, store_unavailable", static async rig =>
        {
            var answer = await rig.ChatAsync(rig["NEW_KEY"]);
            return answer is { Status: 503, Code: "store_unavailable" } ? null : answer.ToString();
        }),
        Runs(StepKind.Fix, "room", "the journal has room"),
        Runs(StepKind.Fix, "restart", "it is started again", static result => result.Output == "curateme-mongo" ? null : result.ToString()),
        Shows(StepKind.Fix, "answers", "it answers", static (_, result) => result.ExitCode == 0 ? null : result.ToString()),
        Shows(StepKind.Fix, "replay", "nothing stays set aside", static (_, result) => result.ExitCode == 0 && result.Json.GetProperty("remaining").GetInt64() == 0 ? null : result.ToString()),
        Shows(StepKind.Recovery, "drift", "the ledger has everything", static (_, result) =>
            InStep(result) ?? (Text(result.Json, "redis_daily_total_nano_usd") == Text(result.Json, "mongodb_daily_total_nano_usd") ? null : result.ToString())),
        Runs(StepKind.Recovery, "books", "50 requests are in the books", static result =>
            result.Json.GetProperty("top_models")[0].GetProperty("requests").GetInt64() == 50 && Dollars(result.Json, "daily_budget") == 2_000 ? null : result.ToString()),
        Shows(StepKind.Recovery, "over", "healthy", static (_, result) => Healthy(result)),
    ]);

    static void Done(ShellResult result, string output)
    {
        if (result.Output != output)
        {
            throw new DrillException($"the fault could not be made: {result}");
        }
    }

    static string? Healthy(ShellResult result) => result.Output == "\"healthy\"" ? null : result.ToString();

    internal static string? InStep(ShellResult result) =>
        result.ExitCode == 0 && Math.Abs(Dollars(result.Json, "drift_pct")) < 2 && Dollars(result.Json, "redis_daily_total") > 0 ? null : result.ToString();
}
