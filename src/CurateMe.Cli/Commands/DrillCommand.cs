using System.CommandLine;
using System.Text.Json.Serialization;
using CurateMe.Cli.Drills;

namespace CurateMe.Cli.Commands;

/// <summary>What <c>drill NAME</c> prints when the drill went as the runbook says.</summary>
sealed record DrillReport(string Drill, string Runbook, double DetectSeconds, double RecoverSeconds);

/// <summary>A line of <c>drill</c> without a name.</summary>
sealed record DrillEntry(string Drill, string Runbook, string Fault, bool NeedsMongodb);

sealed record DrillEntries(IReadOnlyList<DrillEntry> Data);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DrillReport))]
[JsonSerializable(typeof(DrillEntries))]
sealed partial class DrillJson : JsonSerializerContext;

/// <summary><c>drill [NAME]</c>: a runbook's fault and its commands, against throw-away stores.</summary>
static class DrillCommand
{
    public static Command Create(Func<string, string?> environment, TextWriter output, TextWriter errors)
    {
        var name = new Argument<string?>("name") { Description = "The drill; lists them when not given.", Arity = ArgumentArity.ZeroOrOne };
        var drill = new Command("drill", "Makes a runbook's fault happen on servers of its own, runs the runbook's commands, and says how long it took. Exit code 1 when something is not as documented.") { name };
        drill.SetAction((parsed, _) => parsed.GetValue(name) is { } given ? RunAsync(given, environment, output, errors) : Task.FromResult(List(output)));
        return drill;
    }

    static int List(TextWriter output)
    {
        CommandLine.Print(output, new DrillEntries([.. AllDrills.List.Select(static d => new DrillEntry(d.Name, d.Runbook, d.Fault, d.Shared))]), DrillJson.Default.DrillEntries);
        return CommandLine.Fine;
    }

    static async Task<int> RunAsync(string name, Func<string, string?> environment, TextWriter output, TextWriter errors)
    {
        var drill = AllDrills.Find(name) ?? throw new CannotAskException($"There is no drill \"{name}\". There are: {string.Join(", ", AllDrills.List.Select(static d => d.Name))}.");
        var root = DrillRig.FindRoot() ?? throw new CannotAskException("Drills run from a checkout: they need the runbooks and the gateway that was built there.");
        var server = environment("MONGODB_URL");
        if (drill.Shared && string.IsNullOrEmpty(server))
        {
            throw new CannotAskException("This drill needs a MongoDB: set MONGODB_URL to a server. It makes a database of its own there and drops it.");
        }
        var url = drill.Shared ? MongoPing.NewDatabase(server!) : null;
        try
        {
            await using var rig = await DrillRig.StartAsync(root, url);
            var times = await DrillRun.RunAsync(drill, rig, errors.WriteLine);
            CommandLine.Print(
                output, new DrillReport(drill.Name, drill.Runbook, Math.Round(times.Detected.TotalSeconds, 1), Math.Round(times.Recovered.TotalSeconds, 1)), DrillJson.Default.DrillReport);
            return CommandLine.Fine;
        }
        catch (DrillException e)
        {
            await errors.WriteLineAsync(e.Message);
            return CommandLine.Problem;
        }
        finally
        {
            if (url is not null)
            {
                await MongoPing.DropAsync(url);
            }
        }
    }
}
