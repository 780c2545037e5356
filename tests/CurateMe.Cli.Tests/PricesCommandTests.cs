using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Ledger.Pricing;
using Xunit;

namespace CurateMe.Cli.Tests;

public sealed class PricesCommandTests : IDisposable
{
    static readonly string Catalogue = Path.Combine(AppContext.BaseDirectory, "catalogue.json");

    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("cm-prices-");

    public void Dispose() => directory.Delete(recursive: true);

    sealed class Page(HttpStatusCode status, string body) : HttpMessageHandler
    {
        public string? Asked { get; private set; }
        public bool SentToken { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            (Asked, SentToken) = (request.RequestUri!.ToString(), request.Headers.Authorization is not null);
            return Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body) });
        }
    }

    static async Task<(int Code, JsonNode? Output, string Errors)> RunAsync(string? own, HttpMessageHandler? page, params string[] args)
    {
        var (code, output, errors) = await SayAsync(own, page, args);
        return (code, output is ['{', ..] ? JsonNode.Parse(output) : null, errors);
    }

    static async Task<(int Code, string Output, string Errors)> SayAsync(string? own, HttpMessageHandler? page, params string[] args)
    {
        string? Environment(string name) => name switch { "CM_PRICES" => own, "ADMIN_TOKEN" => "secret", _ => null };
        using var http = Gateway.Connect(Environment, page);
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await CommandLine.RunAsync(args, new Gateway(http, Environment), output, errors);
        return (code, output.ToString(), errors.ToString());
    }

    string File(string name, string text)
    {
        var path = Path.Combine(directory.FullName, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public async Task Check_BuiltInAndOwnFile_SaysVersionOrEveryFault()
    {
        var (code, plain, _) = await RunAsync(null, null, "prices", "check");
        Assert.Equal((0, PriceList.BuiltIn.Version), (code, (string?)plain!["version"]));

        var good = File("good.json", """{ "models": [ { "provider": "openai", "model": "gpt-4o", "source": "contract 7", "as_of": "2026-09-01", "prices": { "per_million_tokens": { "input": 2 } } } ] }""");
        var (fine, own, _) = await RunAsync(good, null, "prices", "check");
        Assert.Equal(0, fine);
        Assert.NotEqual((string?)plain["version"], (string?)own!["version"]);

        var bad = File("bad.json", """{ "models": [ { "provider": "openai", "model": "x", "mode": "chat", "prices": { "per_million_tokens": { "input": -1 } } }, { "model": "y" } ] }""");
        var (faulty, faults, _) = await RunAsync(null, null, "prices", "check", bad);
        Assert.Equal((1, false), (faulty, (bool)faults!["ok"]!));
        Assert.True(faults["faults"]!.AsArray().Count >= 2, faults.ToJsonString());
        Assert.All(faults["faults"]!.AsArray(), static f => Assert.Contains("bad.json", (string?)f, StringComparison.Ordinal));

        Assert.Equal(2, (await RunAsync(null, null, "prices", "check", Path.Combine(directory.FullName, "none.json"))).Code);
    }

    [Fact]
    public async Task Check_WhenAFileIsMissingAndAnotherBad_NamesEveryFaultOfBoth()
    {
        var bad = File("bad.json", """{ "models": [ { "provider": "openai", "model": "x", "mode": "chat", "prices": { "per_million_tokens": { "input": -1 } } }, { "model": "y" } ] }""");
        var none = Path.Combine(directory.FullName, "none.json");
        var (_, alone, _) = await RunAsync(null, null, "prices", "check", bad);

        var (code, output, _) = await RunAsync(null, null, "prices", "check", bad, none);

        Assert.Equal((2, false), (code, (bool)output!["ok"]!));
        var faults = output["faults"]!.AsArray().Select(static f => (string)f!).ToList();
        Assert.StartsWith($"{none}: cannot be read", Assert.Single(faults, f => f.Contains("none.json", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(alone!["faults"]!.AsArray().Select(static f => (string)f!), faults.Where(f => !f.Contains("none.json", StringComparison.Ordinal)));

        var (_, table, _) = await SayAsync(null, null, "prices", "check", bad, none, "--table");
        Assert.All(faults, fault => Assert.Contains($"\n{fault}\n", table, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("diff")]
    [InlineData("update")]
    public async Task Compare_WhenTheOwnFileIsBad_CouldNotAsk(string command)
    {
        var bad = File("bad.json", """{ "models": [ { "provider": "openai", "model": "x" } ] }""");
        var (code, _, errors) = await RunAsync(bad, null, ["prices", command, "--from", Catalogue, .. command == "update" ? ["--to", Path.Combine(directory.FullName, "new.json")] : (string[])[]]);
        Assert.Equal(2, code);
        Assert.Contains("bad.json: openai/x", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Diff_ShowsEveryFigureThatDiffers_AndNotesWhatAPersonMustSee()
    {
        var (code, output, _) = await RunAsync(null, null, "prices", "diff", "--from", Catalogue);
        Assert.Equal(1, code);
        var changes = output!["changes"]!.AsArray().Select(static c => $"{c!["model"]} {c["kind"]} {c["field"]} {c["before"]}>{c["after"]}").ToList();
        Assert.Contains("gpt-4o-mini cheaper prices.per_million_tokens.input 0.15>0.14", changes);
        Assert.Contains("gpt-test-9 new prices.per_million_tokens.output >8", changes);
        Assert.DoesNotContain(changes, static c => c.StartsWith("claude-test-9", StringComparison.Ordinal) || c.StartsWith("x ", StringComparison.Ordinal));
        Assert.Contains(output["notes"]!.AsArray(), static n => ((string)n!).Contains("claude-test-9", StringComparison.Ordinal));

        var (other, none, _) = await RunAsync(null, null, "prices", "diff", "--from", Catalogue, "--provider", "xai");
        Assert.Equal((0, 0), (other, none!["changes"]!.AsArray().Count));
        Assert.Contains("xai", (string?)Assert.Single(none["notes"]!.AsArray()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("diff")]
    [InlineData("update")]
    public async Task Provider_WhenUnknown_CouldNotAsk(string command)
    {
        var target = Path.Combine(directory.FullName, "new.json");
        var (code, _, errors) = await RunAsync(null, null, ["prices", command, "--from", Catalogue, "--provider", "openai", "--provider", "nope", .. command == "update" ? ["--to", target] : (string[])[]]);
        Assert.Equal((2, false), (code, System.IO.File.Exists(target)));
        Assert.Contains("no provider nope; it has anthropic", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Update_WritesAFileThatLoads_UnderTheOperatorsOwn_AndAgainChangesNothing()
    {
        var contract = File("contract.json", """{ "models": [ { "provider": "openai", "model": "gpt-4o-mini", "source": "contract 7", "as_of": "2026-09-01", "prices": { "per_million_tokens": { "input": 0.1 } } } ] }""");
        var target = Path.Combine(directory.FullName, "catalogue.json");

        var (code, said, errors) = await RunAsync(contract, null, "prices", "update", "--from", Catalogue, "--to", target);

        Assert.Equal((0, $"CM_PRICES={target}:{contract}"), (code, (string?)said!["load"]));
        Assert.Contains("CM_PRICES=", errors, StringComparison.Ordinal);
        Assert.Equal([target, contract], Directory.GetFiles(directory.FullName).Order(StringComparer.Ordinal));
        var list = Load(target, contract);
        Assert.Equal((string?)said["version_after"], list.Version);
        Assert.Equal(100_000, list.Find("openai", "gpt-4o-mini")!.PicoPerUnit(BilledUnit.InputToken));
        Assert.Equal(8_000_000, list.Find("openai", "gpt-test-9")!.PicoPerUnit(BilledUnit.OutputToken));

        var first = await System.IO.File.ReadAllTextAsync(target, TestContext.Current.CancellationToken);
        var (again, same, _) = await RunAsync($"{target}:{contract}", null, "prices", "update", "--from", Catalogue, "--to", target);
        Assert.Equal((0, (string?)said["version_after"], (string?)said["load"]), (again, (string?)same!["version_after"], (string?)same["load"]));
        Assert.Equal(first, await System.IO.File.ReadAllTextAsync(target, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Update_NeverOverwritesAFileThatAPersonWrote()
    {
        var contract = File("contract.json", """{ "models": [] }""");
        var (code, _, errors) = await RunAsync(null, null, "prices", "update", "--from", Catalogue, "--to", contract);
        Assert.Equal(2, code);
        Assert.Contains("--to", errors, StringComparison.Ordinal);
        Assert.Equal("""{ "models": [] }""", await System.IO.File.ReadAllTextAsync(contract, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task From_AnAddress_IsFetchedWithoutTheToken()
    {
        using var page = new Page(HttpStatusCode.OK, await System.IO.File.ReadAllTextAsync(Catalogue, TestContext.Current.CancellationToken));
        var (code, output, _) = await RunAsync(null, page, "prices", "diff", "--from", "https://models.test/api.json");
        Assert.Equal((1, "https://models.test/api.json", false), (code, page.Asked, page.SentToken));
        Assert.NotEmpty(output!["changes"]!.AsArray());
    }

    [Fact]
    public async Task From_AnAddressThatDoesNotAnswer_IsNamed_AndNotTheGateway()
    {
        using var page = new NoPage();
        var (code, _, errors) = await RunAsync(null, page, "prices", "diff", "--from", "https://models.test/api.json");
        Assert.Equal(2, code);
        Assert.Contains("https://models.test/api.json", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("localhost:8002", errors, StringComparison.Ordinal);
    }

    sealed class NoPage : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => throw new HttpRequestException("Name or service not known (models.test:443)");
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound, "{}")]
    [InlineData(HttpStatusCode.OK, "no json")]
    [InlineData(HttpStatusCode.OK, "[]")]
    [InlineData(HttpStatusCode.OK, "{}")]
    [InlineData(HttpStatusCode.OK, """{ "models": [ { "provider": "openai", "model": "gpt-4o" } ] }""")]
    [InlineData(HttpStatusCode.OK, """{ "somebody": { "models": { "x": { "cost": { "input": 1, "output": 1 } } } } }""")]
    public async Task From_WhatIsNoCatalogue_CouldNotAsk(HttpStatusCode status, string body)
    {
        using var page = new Page(status, body);
        var (code, _, errors) = await RunAsync(null, page, "prices", "diff", "--from", "https://models.test/api.json");
        Assert.Equal(2, code);
        Assert.Contains("https://models.test/api.json", errors, StringComparison.Ordinal);
        Assert.Equal(2, (await RunAsync(null, null, "prices", "diff", "--from", Path.Combine(directory.FullName, "none.json"))).Code);
        Assert.Equal(2, (await RunAsync(null, null, "prices", "diff")).Code);
    }

    [Fact]
    public async Task Diff_AgainstThePublicFigures_NamesOnlyWhatDiffers()
    {
        var figures = Beside("prices-2026-08-06.csv");
        Assert.SkipUnless(figures is not null, "no ../shared/prices beside the project");
        var file = File("public.json", AsCatalogue(await System.IO.File.ReadAllLinesAsync(figures!, TestContext.Current.CancellationToken)));

        var (code, output, errors) = await RunAsync(null, null, "prices", "diff", "--from", file);

        Assert.True(code is 0 or 1, errors);
        foreach (var change in output!["changes"]!.AsArray())
        {
            Assert.NotEqual((string?)change!["before"], (string?)change["after"]);
        }
        // What both know and price alike is not named.
        Assert.DoesNotContain(output["changes"]!.AsArray(), static c => (string?)c!["model"] == "gpt-4o-mini" && (string?)c["field"] == "prices.per_million_tokens.input");
    }

    static PriceList Load(params string[] files) => PriceList.LoadOver(files.Select(static f => (f, (Stream)new MemoryStream(System.IO.File.ReadAllBytes(f)))));

    static string? Beside(string name)
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            foreach (var place in (string[])["shared", "../shared"])
            {
                var path = Path.Combine(at.FullName, place, "prices", name);
                if (System.IO.File.Exists(path)) return path;
            }
        }
        return null;
    }

    // provider,model,mode,item,usd,unit with dollars for a million tokens.
    static string AsCatalogue(string[] lines)
    {
        var catalogue = new JsonObject();
        var items = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["input_cost_per_token"] = "input",
            ["output_cost_per_token"] = "output",
            ["cache_read_input_token_cost"] = "cache_read",
        };
        foreach (var cells in lines.Skip(1).Select(static l => l.Split(',')).Where(c => c.Length >= 5 && c[2] == "chat" && items.ContainsKey(c[3])))
        {
            var provider = catalogue[cells[0]] as JsonObject ?? (JsonObject)(catalogue[cells[0]] = new JsonObject { ["id"] = cells[0], ["models"] = new JsonObject() });
            var models = provider["models"]!.AsObject();
            var model = models[cells[1]] as JsonObject ?? (JsonObject)(models[cells[1]] = new JsonObject { ["cost"] = new JsonObject() });
            model["cost"]![items[cells[3]]] = decimal.Parse(cells[4], NumberStyles.Float, CultureInfo.InvariantCulture);
        }
        return catalogue.ToJsonString();
    }
}
