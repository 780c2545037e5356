using System.CommandLine;
using CurateMe.Client;

namespace CurateMe.Cli.Commands;

/// <summary><c>audit verify</c> and <c>audit revert ID</c>.</summary>
static class AuditCommand
{
    public static Command Create(Gateway gateway, TextWriter output)
    {
        var verify = new Command("verify", "Checks the hash chain of the audit trail. Exit code 1 when it is broken.");
        verify.SetAction(async (_, ct) =>
        {
            var verification = await gateway.Admin(org: null).VerifyAuditAsync(ct);
            CommandLine.Print(output, verification, AdminJson.Default.AuditVerification);
            return verification.Ok ? CommandLine.Fine : CommandLine.Problem;
        });
        var id = new Argument<long>("id") { Description = "The entry's audit_id." };
        var org = new Option<string?>("--org") { Description = "Only if the change is this org's; else ORG_ID." };
        var revert = new Command("revert", "Restores what was before a change.") { id, org };
        revert.SetAction(async (parsed, ct) =>
        {
            CommandLine.Print(output, await gateway.Admin(parsed.GetValue(org)).RevertAuditAsync(parsed.GetValue(id), ct), AdminJson.Default.AuditRecord);
            return CommandLine.Fine;
        });
        return new Command("audit", "Who changed what.") { verify, revert };
    }
}
