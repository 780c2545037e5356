using System.Text.RegularExpressions;
using CurateMe.Cli.Drills;
using Xunit;

namespace CurateMe.Drills;

/// <summary>The runbooks' commands: each is run by a drill, and none of those that operators know is missing.</summary>
public sealed partial class RunbookCommandTests
{
    static readonly string Root = DrillRig.FindRoot()!;
    static readonly string Runbooks = Path.Combine(Root, "docs", "runbooks");

    static IEnumerable<Runbook> All => Directory.GetFiles(Runbooks, "*.md").Select(Path.GetFileNameWithoutExtension).Where(static n => n != "README").Select(static n => Runbook.Read(Runbooks, n!));

    [Fact]
    public void Blocks_All_AreRunByADrill()
    {
        var run = AllDrills.List.SelectMany(static d => d.Blocks).Select(static b => $"{b.Runbook}/{b.Block}").ToHashSet(StringComparer.Ordinal);
        var written = All.SelectMany(static r => r.Blocks.Keys.Select(b => $"{r.Name}/{b}")).ToList();
        Assert.Empty(written.Except(run).Order());
        Assert.Empty(run.Except(written).Order());
    }

    [Fact]
    public void Fences_OfCommands_AreAllNamedBash()
    {
        foreach (var file in Directory.GetFiles(Runbooks, "*.md"))
        {
            var languages = File.ReadAllLines(file).Where(static line => line.TrimStart().StartsWith("```", StringComparison.Ordinal)).Select(static line => line.Trim('`', ' ').Split(' ')[0]);
            Assert.Empty(languages.Except(["", "bash", "json"], StringComparer.Ordinal));
            Assert.DoesNotContain(File.ReadAllLines(file), static line => line.StartsWith(' ') && line.TrimStart().StartsWith("```", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Drills_AllInTheRunbooks_AreToBeHad()
    {
        Assert.Equal(AllDrills.List.Count, AllDrills.List.Select(static d => d.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.All(AllDrills.List, static drill => Assert.True(File.Exists(Path.Combine(Runbooks, drill.Runbook + ".md")), drill.Name));
    }

    [Theory]
    [InlineData("budget-exceeded", 11)]
    [InlineData("cost-accumulation-lag", 20)]
    public void Commands_OfTheOperatorsRunbook_AreAllInOurs(string name, int least)
    {
        var original = FindOriginal(name);
        Assert.SkipWhen(original is null, $"shared/runbooks/{name}.txt is not beside the project");
        var known = Commands(File.ReadAllText(original));
        Assert.True(known.Count >= least, $"only {known.Count} commands were found in {original}: {string.Join('\n', known)}");
        var ours = All.SelectMany(static r => r.Blocks.Values).SelectMany(static text => Commands(text)).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(known.Except(ours));
    }

    static string? FindOriginal(string name)
    {
        for (var directory = new DirectoryInfo(Root).Parent; directory is not null; directory = directory.Parent)
        {
            var path = Path.Combine(directory.FullName, "shared", "runbooks", name + ".txt");
            if (File.Exists(path))
            {
                return path;
            }
        }
        return null;
    }

    // One line per command, without what may differ: host, ids, quotes, spaces, comments.
    static HashSet<string> Commands(string text)
    {
        HashSet<string> commands = new(StringComparer.Ordinal);
        foreach (Match start in Start().Matches(text))
        {
            var command = Bare(Cut(text[start.Groups["at"].Index..]));
            commands.Add(command);
        }
        return commands;
    }

    // Up to where the shell would end it; where prose is glued to a command, up to the prose.
    static string Cut(string text)
    {
        var quote = '\0';
        var end = 0;
        for (; end < text.Length; end++)
        {
            var c = text[end];
            if (quote != '\0')
            {
                quote = c == quote ? '\0' : quote;
                continue;
            }
            if (c is '"' or '\'')
            {
                quote = c;
            }
            else if (c == '\\' && end + 1 < text.Length && text[end + 1] == '\n')
            {
                end++;
            }
            else if (c is '\n' or '#' or ',' || (c == '-' && ListItem().IsMatch(text[end..])))
            {
                break;
            }
            else if (char.IsUpper(c) && end > 0 && (char.IsLower(text[end - 1]) || text[end - 1] is '"' or '\'') && Prose().IsMatch(text[end..]))
            {
                break;
            }
        }
        return text[..end];
    }

    static string Bare(string command)
    {
        var bare = Spaces().Replace(command, "");
        foreach (var (known, ours) in (ReadOnlySpan<(string, string)>)[
            ("https://api.curate-me.ai", "$CM_URL"), ("http://localhost:8002", "$CM_URL"), ("org_abc123", "$ORG_ID"), ("https://your-app.com/webhooks/curate-me", "$WEBHOOK_URL"),
            ("redis-cli-u$REDIS_URL", "redis-cli")])
        {
            bare = bare.Replace(known, ours, StringComparison.Ordinal);
        }
        return bare;
    }

    [GeneratedRegex(@"(?:^|: )(?<at>curl |docker |\./scripts/|ssh |redis-cli |COST_RECORDER_\w+=)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Start();

    [GeneratedRegex(@"^[A-Z][a-z]*[ :\n]")]
    private static partial Regex Prose();

    [GeneratedRegex("^- [A-Z]")]
    private static partial Regex ListItem();

    [GeneratedRegex("""[\s"'\\]+""")]
    private static partial Regex Spaces();
}
