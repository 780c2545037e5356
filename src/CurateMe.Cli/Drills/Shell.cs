using System.Diagnostics;
using System.Text.Json;

namespace CurateMe.Cli.Drills;

/// <summary>What a block of commands did.</summary>
sealed record ShellResult(int ExitCode, string Output, string Errors)
{
    /// <summary>Standard output as JSON.</summary>
    /// <exception cref="DrillException">It is none.</exception>
    public JsonElement Json
    {
        get
        {
            try
            {
                return JsonElement.Parse(Output);
            }
            catch (JsonException)
            {
                throw new DrillException($"the answer is no JSON: {this}");
            }
        }
    }

    public override string ToString() => $"exit code {ExitCode}, {Output}{(Errors.Length > 0 ? $" [{Errors.Trim()}]" : "")}";
}

/// <summary>Runs commands as an operator's shell would.</summary>
static class Shell
{
    /// <summary>Longest that one block may take.</summary>
    static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static async Task<ShellResult> RunAsync(string commands, string directory, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("bash")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = directory,
            ArgumentList = { "-e", "-o", "pipefail", "-c", commands },
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start) ?? throw new DrillException("bash did not start");
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new ShellResult(process.ExitCode, (await output).Trim(), (await errors).Trim());
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new DrillException($"commands did not end within {Limit.TotalMinutes} minutes: {commands}");
        }
    }
}

/// <summary>A drill did not go as the runbook says.</summary>
sealed class DrillException(string message) : Exception(message);
