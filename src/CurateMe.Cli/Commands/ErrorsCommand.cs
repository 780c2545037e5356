using System.CommandLine;
using CurateMe.Client;

namespace CurateMe.Cli.Commands;

/// <summary><c>errors by-source SOURCE</c>: counts and the last message per code.</summary>
static class ErrorsCommand
{
    public static Command Create(Gateway gateway, TextWriter output)
    {
        var source = new Argument<string>("source") { Description = "Part of the system, e.g. gateway." };
        var bySource = new Command("by-source", "Counts and the last message per code.") { source };
        bySource.SetAction(async (parsed, ct) =>
        {
            CommandLine.Print(output, await gateway.Admin(org: null).ListErrorsAsync(parsed.GetValue(source), since: null, ct), AdminJson.Default.PageErrorGroup);
            return CommandLine.Fine;
        });
        return new Command("errors", "Errors of the gateway.") { bySource };
    }
}
