using System.Text.Json;
using System.Text.RegularExpressions;
using CurateMe.Cli.Drills;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Drills;

/// <summary>
/// The commands and JSON in the documentation, run: each snippet that names the gateway's address is pasted into a shell against a gateway started as <c>./run</c>
/// starts it; each piece of JSON is read. What cannot be run is named with its reason, so that a new snippet is not passed over.
/// </summary>
public sealed partial class SnippetTests(ITestOutputHelper output)
{
    const string Token = "snippet-admin-token-0123";

    static readonly string Root = DrillRig.FindRoot()!;

    // First line of each snippet that is not run here, and why.
    static readonly Dictionary<string, string> NotRun = new(StringComparer.Ordinal)
    {
        ["client = OpenAI(base_url=\"http://localhost:8002/v1/openai\", api_key=\"cm_sk_…\")"] = "the official clients are driven by tests/clients",
        ["cm prices diff   --from https://models.dev/api.json --provider openai   # what would change"] = "asks a site on the internet; tests/CurateMe.Cli.Tests runs the commands on files",
    };

    sealed record Snippet(string File, string Language, string Text)
    {
        public string FirstLine => Text.Split('\n')[0];
    }

    static IEnumerable<Snippet> Snippets() =>
        from file in (string[])["README.md", "docs/start.md", "docs/concepts.md", .. Directory.GetFiles(Path.Combine(Root, "docs", "reference"), "*.md").Order(StringComparer.Ordinal).Select(static f => Path.GetRelativePath(Root, f))]
        from Match fence in Fence().Matches(File.ReadAllText(Path.Combine(Root, file)))
        let indent = fence.Groups["indent"].Value
        let text = string.Join('\n', fence.Groups["text"].Value.Split('\n').Select(line => line.StartsWith(indent, StringComparison.Ordinal) ? line[indent.Length..] : line)).TrimEnd()
        select new Snippet(file, fence.Groups["language"].Value, text);

    [Fact]
    public void Json_InTheDocumentation_IsJson()
    {
        var pieces = Snippets().Where(static s => s.Language == "json").ToList();
        Assert.True(pieces.Count >= 2);
        Assert.All(pieces, static piece => Assert.Equal(JsonValueKind.Object, JsonElement.Parse(piece.Text).ValueKind));
    }

    [Fact]
    public async Task Commands_InTheDocumentation_DoWhatIsSaid()
    {
        foreach (var program in (string[])["bash", "curl"])
        {
            Assert.SkipUnless((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, program))), $"{program} is not installed");
        }
        using var directory = new TemporaryDirectory();
        await using var gateway = await StartAsync(directory.Path);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ADMIN_TOKEN"] = Token,
            ["ORG_ID"] = "org_default",
            ["CM_URL"] = gateway.Url,
            ["API_KEY"] = ApiKey().Match(gateway.Process.Output).Groups["key"].Value,
            ["OPENAI_API_KEY"] = "sk-0000000000000000",
            ["CM_PRICES"] = "",
        };
        // The first thing in the banner is a request; the refusal that the README shows comes after the limit that the start page sets.
        var snippets = Snippets().Where(static s => s.Language is "sh" or "bash" or "console" or "python").OrderBy(static s => s.File == "README.md" ? 1 : 0).ToList();
        Assert.True(snippets.Count >= 5);
        foreach (var snippet in snippets)
        {
            var reason = NotRun.GetValueOrDefault(snippet.FirstLine) ?? (snippet.Text.Contains("./run", StringComparison.Ordinal) ? "starts a gateway that stays" : null);
            if (reason is not null)
            {
                output.WriteLine($"not run, {snippet.File}: {snippet.FirstLine} ({reason})");
                continue;
            }
            await RunAsync(snippet, gateway.Url, environment);
        }
        Assert.Empty(NotRun.Keys.Except(snippets.Select(static s => s.FirstLine), StringComparer.Ordinal));
    }

    async Task RunAsync(Snippet snippet, string url, Dictionary<string, string> environment)
    {
        var (commands, answer) = snippet.Language == "console" ? Split(snippet.Text) : (snippet.Text, null);
        var result = await Shell.RunAsync(commands.Replace("http://localhost:8002", url, StringComparison.Ordinal).Replace("localhost:8002", url, StringComparison.Ordinal), Root, environment);
        output.WriteLine($"{snippet.File}: {commands}\n{result}");
        Assert.True(result.ExitCode == 0, $"{snippet.File}: {commands}\n{result}");
        if (answer is null)
        {
            Assert.DoesNotContain("\"error\":{", result.Output, StringComparison.Ordinal);
            return;
        }
        // The figures are those of the day; names and codes are as shown.
        var (shown, told) = (JsonElement.Parse(answer).GetProperty("error"), JsonElement.Parse(result.Output).GetProperty("error"));
        Assert.Equal(shown.EnumerateObject().Select(static p => p.Name), told.EnumerateObject().Select(static p => p.Name));
        foreach (var name in (string[])["type", "code", "gateway_error_code"])
        {
            Assert.Equal(shown.GetProperty(name).GetString(), told.GetProperty(name).GetString());
        }
        Assert.Equal(Figures().Replace(shown.GetProperty("message").GetString()!, "$"), Figures().Replace(told.GetProperty("message").GetString()!, "$"));
    }

    // "$ command" with its continuation lines, then what it printed.
    static (string Commands, string Answer) Split(string text)
    {
        var lines = text.Split('\n');
        var end = 0;
        while (lines[end].EndsWith('\\'))
        {
            end++;
        }
        return (string.Join('\n', lines[..(end + 1)])[2..], string.Join('\n', lines[(end + 1)..]));
    }

    static async Task<Running> StartAsync(string directory)
    {
        var port = LoopbackPort.Free();
        var url = $"http://127.0.0.1:{port}";
        var configuration = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name;
        var process = DrillProcess.Start(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Path.Combine(Root, "artifacts", "bin", "CurateMe.Gateway", configuration, "CurateMe.Gateway.dll"), "--demo", "--urls", url],
            directory,
            new Dictionary<string, string> { ["CM_DATA_DIR"] = Path.Combine(directory, "data"), ["ADMIN_TOKEN"] = Token, ["REDIS_URL"] = "", ["MONGODB_URL"] = "" });
        await process.ListensAsync(port);
        await Poll.UntilAsync(() => process.HasExited || ApiKey().IsMatch(process.Output), "the banner shows a key");
        Assert.False(process.HasExited, process.Output);
        return new Running(url, process);
    }

    sealed record Running(string Url, DrillProcess Process) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Process.DisposeAsync();
    }

    [GeneratedRegex(@"^(?<indent>[ ]*)```(?<language>[a-z]+)[^\n]*\n(?<text>.*?)^[ ]*```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Fence();

    [GeneratedRegex(@"API key\s+(?<key>cm_sk_\w+)", RegexOptions.ExplicitCapture)]
    private static partial Regex ApiKey();

    [GeneratedRegex(@"\$[0-9.]+")]
    private static partial Regex Figures();
}
