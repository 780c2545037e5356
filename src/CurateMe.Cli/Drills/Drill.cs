namespace CurateMe.Cli.Drills;

/// <summary>What a step of a drill is for; the clock runs from the fault to the first symptom, and from the first fix to the last recovery.</summary>
enum StepKind
{
    Setup,
    Fault,
    Symptom,
    Fix,
    Recovery,
    Prevention,
}

/// <summary>One step: commands out of a runbook, work on the rig, or both.</summary>
/// <param name="Text">What is done or seen, in a few words.</param>
/// <param name="Block">The block of the runbook that is run: its name, or <c>runbook/name</c> for another one's; null runs none.</param>
/// <param name="Check">Null when all is as the runbook says, else what is not.</param>
/// <param name="Polled">Repeated until the check is content, at most two minutes.</param>
sealed record Step(StepKind Kind, string Text, string? Block, Func<DrillRig, ShellResult?, Task<string?>> Check, bool Polled);

/// <summary>A fault, what it looks like and what mends it.</summary>
/// <param name="Name">As in <c>cm drill NAME</c>.</param>
/// <param name="Runbook">The runbook whose commands are run.</param>
/// <param name="Fault">What happens, in a sentence.</param>
/// <param name="Shared">On Redis and MongoDB; else on the embedded stores.</param>
sealed record Drill(string Name, string Runbook, string Fault, bool Shared, IReadOnlyList<Step> Steps)
{
    /// <summary>The runbook and the block of each step that runs commands.</summary>
    public IEnumerable<(string Runbook, string Block)> Blocks => Steps.Where(static s => s.Block is not null).Select(s => Locate(s.Block!));

    /// <summary>Where a step's block stands.</summary>
    public (string Runbook, string Block) Locate(string block) => block.Split('/') is [var runbook, var name] ? (runbook, name) : (Runbook, block);

    public static Step Setup(string text, Func<DrillRig, Task> work) => Work(StepKind.Setup, text, work);

    public static Step Happens(string text, Func<DrillRig, Task> work) => Work(StepKind.Fault, text, work);

    /// <summary>Something on the rig that must come true.</summary>
    public static Step Sees(StepKind kind, string text, Func<DrillRig, Task<string?>> check) => new(kind, text, Block: null, (rig, _) => check(rig), Polled: true);

    /// <summary>A block whose commands must succeed.</summary>
    public static Step Runs(StepKind kind, string block, string text) => Runs(kind, block, text, static _ => null);

    /// <summary>A block whose commands must succeed, and whose answer is looked at.</summary>
    public static Step Runs(StepKind kind, string block, string text, Func<ShellResult, string?> check) =>
        new(kind, text, block, (_, result) => Task.FromResult(Success(result!) ?? check(result!)), Polled: false);

    /// <summary>As <see cref="Runs(StepKind, string, string, Func{ShellResult, string})"/>, with the rig at hand.</summary>
    public static Step Runs(StepKind kind, string block, string text, Func<DrillRig, ShellResult, Task<string?>> check) =>
        new(kind, text, block, async (rig, result) => Success(result!) ?? await check(rig, result!), Polled: false);

    /// <summary>A block that is run again until its answer is as documented; its exit code is the check's business.</summary>
    public static Step Shows(StepKind kind, string block, string text, Func<DrillRig, ShellResult, string?> check) =>
        new(kind, text, block, (rig, result) => Task.FromResult(check(rig, result!)), Polled: true);

    /// <summary>Null when a block's commands succeeded and no answer was a refusal.</summary>
    public static string? Success(ShellResult result) =>
        result.ExitCode == 0 && !result.Output.Contains("\"error\":{", StringComparison.Ordinal) ? null : $"the commands failed: {result}";

    static Step Work(StepKind kind, string text, Func<DrillRig, Task> work) => new(
        kind, text, Block: null, async (rig, _) =>
        {
            await work(rig);
            return null;
        }, Polled: false);
}
