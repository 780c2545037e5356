using System.Globalization;
using System.Text.Json;
using static CurateMe.Cli.Drills.BudgetDrills;
using static CurateMe.Cli.Drills.Drill;

namespace CurateMe.Cli.Drills;

/// <summary>The drills of <c>gateway-high-latency.md</c>.</summary>
static class LatencyDrills
{
    const string Runbook = "gateway-high-latency";

    public static IEnumerable<Drill> All => [SlowProvider(), SlowRedis()];

    static Drill SlowProvider() => new("slow-provider", Runbook, "A provider takes seconds where it took milliseconds", Shared: false,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(5, 1, _ => rig.ChatAsync())),
        Happens("the provider becomes slow", static async rig =>
        {
            await rig.SimulateAsync("""{"latency_ms": 1500, "only": "openai"}""");
            await DrillRig.ChatsAsync(10, 5, _ => rig.ChatAsync(simulate: ""));
        }),
        Runs(StepKind.Symptom, "stages", "upstream is the longest stage", static result =>
        {
            var stages = Stages(result);
            return stages.Count == 7 && stages["upstream"] >= 1_500 && stages.All(static s => s.Key == "upstream" || s.Value < 1_500) ? null : result.ToString();
        }),
        Shows(StepKind.Symptom, "one-request", "the gateway's part of it is small", static (_, result) =>
        {
            var lines = result.Output.Split('\n').Select(static l => decimal.Parse(l.Split(':')[1], CultureInfo.InvariantCulture)).ToList();
            return lines is [var governed, var seconds] && governed < 500 && seconds > 1.5m ? null : result.ToString();
        }),
        Runs(StepKind.Symptom, "slow-models", "which model it is", static result =>
            result.Json.EnumerateArray().Any(static m => Text(m, "provider") == "openai" && m.GetProperty("mean_ms").GetInt32() > 500) ? null : result.ToString()),
        Runs(StepKind.Symptom, "load", "nothing waits", static result =>
            result.Output.Contains("gateway_holds_live", StringComparison.Ordinal) && result.Output.Contains("gateway_recorder_queue_depth 0", StringComparison.Ordinal) ? null : result.ToString()),
        Runs(StepKind.Fix, "reroute", "another provider's model answers", static result => result.Json.GetProperty("model_aliases").GetProperty("gpt-4o-mini").ToString().StartsWith("groq/", StringComparison.Ordinal) ? null : result.ToString()),
        Shows(StepKind.Recovery, "over", "answers are quick", static (_, result) => Quick(result)),
        Setup("the provider is well again", static rig => rig.SimulateAsync(null)),
        Runs(StepKind.Recovery, "route-back", "the model is served as before"),
        Shows(StepKind.Recovery, "over", "answers are quick", static (_, result) => Quick(result)),
    ]);

    static Drill SlowRedis() => new("slow-redis", Runbook, "The way to Redis becomes slow", Shared: true,
    [
        Setup("traffic", static rig => DrillRig.ChatsAsync(5, 1, _ => rig.ChatAsync())),
        Happens("each answer of Redis takes 150 ms more", static async rig =>
        {
            rig.Redis!.DelayMs = 150;
            await DrillRig.ChatsAsync(10, 2, _ => rig.ChatAsync());
        }),
        Runs(StepKind.Symptom, "stages", "hold and settle are long, upstream is not", static result =>
        {
            var stages = Stages(result);
            return stages["hold"] >= 150 && stages["settle"] >= 150 ? null : result.ToString();
        }),
        Shows(StepKind.Symptom, "health", "redis_latency_ms above 10", static (_, result) => result.Json.GetProperty("redis_latency_ms").GetDouble() > 10 ? null : result.ToString()),
        Runs(StepKind.Symptom, "redis-commands", "Redis itself is quick"),
        Runs(StepKind.Symptom, "one-request", "X-CM-Governance-Time-Ms above 50", static result =>
            decimal.Parse(result.Output.Split('\n')[0].Split(':')[1], CultureInfo.InvariantCulture) > 50 ? null : result.ToString()),
        new(StepKind.Fix, "the way is as quick as before", Block: null, static (rig, _) =>
        {
            rig.Redis!.DelayMs = 0;
            return Task.FromResult<string?>(null);
        }, Polled: false),
        Shows(StepKind.Recovery, "health", "redis_latency_ms below 10", static (_, result) => result.ExitCode == 0 && result.Json.GetProperty("redis_latency_ms").GetDouble() < 10 ? null : result.ToString()),
        Shows(StepKind.Recovery, "over", "answers are quick", static (_, result) => Quick(result)),
    ]);

    // p95 by stage, from one object a line.
    static Dictionary<string, double> Stages(ShellResult result) =>
        result.Output.Split('\n').Select(static line => JsonElement.Parse(line)).ToDictionary(static s => Text(s, "stage"), static s => s.GetProperty("p95_ms").GetDouble(), StringComparer.Ordinal);

    static string? Quick(ShellResult result) => result.ExitCode == 0 && decimal.Parse(result.Output, CultureInfo.InvariantCulture) < 1 ? null : result.ToString();
}
