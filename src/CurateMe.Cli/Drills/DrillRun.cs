using System.Globalization;

namespace CurateMe.Cli.Drills;

/// <summary>How long a drill took.</summary>
/// <param name="Detected">From the fault to the first documented symptom.</param>
/// <param name="Recovered">From the first fix to the last documented recovery.</param>
sealed record DrillTimes(TimeSpan Detected, TimeSpan Recovered)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"detected after {Detected.TotalSeconds:0.0} s, recovered after {Recovered.TotalSeconds:0.0} s");
}

/// <summary>Takes a rig through a drill, step by step.</summary>
static class DrillRun
{
    /// <summary>Longest wait for what a step polls for.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    static readonly TimeSpan Again = TimeSpan.FromMilliseconds(200);

    /// <param name="say">Takes each line of the protocol.</param>
    /// <exception cref="DrillException">Something is not as the runbook says.</exception>
    public static async Task<DrillTimes> RunAsync(Drill drill, DrillRig rig, Action<string> say)
    {
        var time = TimeProvider.System;
        var (fault, symptom, fix, recovery) = (0L, 0L, 0L, 0L);
        say($"{drill.Name}: {drill.Fault}");
        foreach (var step in drill.Steps)
        {
            say($"  {Word(step.Kind)}  {step.Text}");
            if (step.Kind == StepKind.Fix && fix == 0)
            {
                fix = time.GetTimestamp();
            }
            await StepAsync(drill, step, rig, say);
            switch (step.Kind)
            {
                case StepKind.Fault: fault = time.GetTimestamp(); break;
                case StepKind.Symptom when symptom == 0: symptom = time.GetTimestamp(); break;
                case StepKind.Recovery: recovery = time.GetTimestamp(); break;
                default: break;
            }
        }
        if (fault == 0 || symptom == 0 || fix == 0 || recovery == 0)
        {
            throw new DrillException($"{drill.Name} lacks a fault, a symptom, a fix or a recovery");
        }
        var times = new DrillTimes(time.GetElapsedTime(fault, symptom), time.GetElapsedTime(fix, recovery));
        say($"{drill.Name}: {times}");
        return times;
    }

    static async Task StepAsync(Drill drill, Step step, DrillRig rig, Action<string> say)
    {
        var commands = step.Block is null ? null : Commands(drill, step, rig);
        if (commands is not null)
        {
            foreach (var line in commands.TrimEnd().Split('\n'))
            {
                say($"          $ {line}");
            }
        }
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var result = commands is null ? null : await Shell.RunAsync(commands, rig.Root, rig.Environment);
            var complaint = await step.Check(rig, result);
            if (complaint is null)
            {
                return;
            }
            if (!step.Polled || TimeProvider.System.GetElapsedTime(started) > Patience)
            {
                throw new DrillException($"{drill.Name}, {Word(step.Kind).Trim()} \"{step.Text}\": {complaint}");
            }
            await Task.Delay(Again);
        }
    }

    static string Commands(Drill drill, Step step, DrillRig rig)
    {
        var (runbook, block) = drill.Locate(step.Block!);
        return Runbook.Read(rig.Runbooks, runbook).Blocks.TryGetValue(block, out var text) ? text : throw new DrillException($"{runbook}.md has no block \"{block}\"");
    }

    static string Word(StepKind kind) => kind switch
    {
        StepKind.Setup => "before  ",
        StepKind.Fault => "fault   ",
        StepKind.Symptom => "symptom ",
        StepKind.Fix => "fix     ",
        StepKind.Recovery => "recovery",
        _ => "prevent ",
    };
}
