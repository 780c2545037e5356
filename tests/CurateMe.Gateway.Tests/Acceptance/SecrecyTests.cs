using System.Text;
using CurateMe.Client;
using CurateMe.Ledger.Budgets;
using CurateMe.Testing;
using CurateMe.Testing.Records;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>I9: what people said, what was answered and every key are nowhere but where they were going.</summary>
public sealed class SecrecyTests
{
    const string Prompt = "PLANTEDPROMPT7Q";
    const string Completion = "PLANTEDANSWER7Q";
    const string ProviderKey = "sk-PLANTEDPROVIDERKEY7Q";
    const string StoredKey = "sk-PLANTEDSTOREDKEY7Q";
    const string Header = "PLANTEDHEADER7Q";

    [Fact]
    public async Task FullRun_WithEveryLogOn_LeavesNoMarkAnywhere()
    {
        using var directory = new TemporaryDirectory();
        await using var upstream = new ScriptedUpstream();
        var configuration = new Dictionary<string, string?> { ["Logging:LogLevel:Default"] = "Trace", ["Logging:LogLevel:Microsoft.AspNetCore"] = "Trace" };
        var boom = new Boom();
        await using var rig = await GatewayRig.StartAsync(
            configuration, directory, s => s.AddSingleton<ICounterStore>(p => new BoomCounters(p.GetRequiredService<TimeProvider>(), boom)),
            settings: s => AC07_FailureAtEveryStep.Quick(upstream.Behind(s)) with { Providers = [.. upstream.Behind(s).Providers.Select(static p => p with { ApiKey = StoredKey })] });
        var key = await rig.KeyAsync();
        List<string> said = [];
        async Task AskAsync(string body, string? path = null, string? bearer = null, bool own = false)
        {
            var answer = await rig.AskAsync(bearer ?? key, body, path: path ?? Chat.Path, headers: own
                ? [("X-Any", Header), ("X-Provider-Key", ProviderKey), ("Cookie", Header), ("Accept", "text/event-stream")]
                : [("X-Any", Header), ("Accept", "text/event-stream")]);
            if (answer.Status >= 400 && answer.Error.TryGetProperty("gateway_error_code", out _))
            {
                said.Add(answer.Text + string.Join('\n', answer.Headers));
            }
        }

        var body = Chat.Body(text: Prompt);
        upstream.Answer($$$"""{"choices":[{"message":{"content":"{{{Completion}}}"}}],"usage":{"prompt_tokens":5,"completion_tokens":5}}""");
        await AskAsync(body, own: true);
        upstream.Answer($$$"""data: {"choices":[{"delta":{"content":"{{{Completion}}}"}}]}""" + "\n\ndata: [DONE]\n\n", type: "text/event-stream");
        await AskAsync(Chat.Body(stream: true, text: Prompt));
        upstream.Answer($$$"""{"error":{"message":"{{{Completion}}}"}}""", "400 Bad Request");
        await AskAsync(body);
        upstream.Answer("garbage " + Completion);
        await AskAsync(body);
        upstream.Answers.Enqueue(Encoding.ASCII.GetBytes($"HTTP/1.1 nonsense {Completion}\r\n\r\n"));
        await AskAsync(body);
        await AskAsync(body);
        await AskAsync(body[..^3]);
        await AskAsync(body.Replace("\"role\"", "\"role", StringComparison.Ordinal));
        await AskAsync("{\"model\":\"gpt-4o-mini\",\"max_tokens\":\"" + Prompt + "\",\"messages\":[]}");
        await AskAsync("{\"" + Prompt + "\":1}");
        await AskAsync(body, "/v1/openai/unknown");
        await AskAsync(body, bearer: key[..^3] + "PLANTEDKEY7Q"[^3..]);
        await AskAsync(body, bearer: ProviderKey);
        await AskAsync(body, Chat.Path + "?api_key=" + key, bearer: "none");
        boom.Armed = Prompt;
        await AskAsync(body);
        using (var raw = await RawClient.ConnectAsync(rig.Address))
        {
            await raw.SendAsync($"POST {Chat.Path}?api_key={key} HTTP/1.1\r\nHost: a\r\nX-CM-API-Key: {key}\u0001\r\n\r\n");
            await raw.ReadAsync(12);
        }
        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(CurateMe.Ledger.Money.NanoUsd.Zero) });
        await AskAsync(body);
        await rig.QuietAsync();
        var records = await rig.RecordsAsync();

        Assert.True(records.Count >= 6 && said.Count >= 8 && rig.Logs.All.Count > 50, $"{records.Count} records, {said.Count} refusals, {rig.Logs.All.Count} lines");
        string[] marks = [Prompt, Completion, ProviderKey, StoredKey, Header, key, key[6..], "PLANTED"];
        AssertClean("log", rig.Logs.All, marks);
        AssertClean("error", said, marks);
        AssertClean("record", records.Select(SameRecord.Text), marks);
        AssertClean("metrics", [await TextAsync(rig, "/metrics"), await TextAsync(rig, "/health")], marks);
        foreach (var file in Directory.EnumerateFiles(directory.Path, "*", SearchOption.AllDirectories).Where(static f => !f.EndsWith("owner.lock", StringComparison.Ordinal)))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[stream.Length];
            await stream.ReadExactlyAsync(bytes);
            AssertClean(file, [Encoding.Latin1.GetString(bytes)], marks);
        }
    }

    static async Task<string> TextAsync(GatewayRig rig, string path)
    {
        using var answer = await rig.Http.GetAsync(path);
        return await answer.Content.ReadAsStringAsync();
    }

    static void AssertClean(string where, IEnumerable<string> texts, string[] marks)
    {
        foreach (var text in texts)
        {
            foreach (var mark in marks)
            {
                var at = text.IndexOf(mark, StringComparison.Ordinal);
                Assert.True(at < 0, $"{where}: …{text[Math.Max(0, at - 200)..Math.Min(text.Length, Math.Max(at, 0) + 100)]}");
            }
        }
    }

    sealed class Boom
    {
        public string? Armed { get; set; }
    }

    // A failure whose message quotes the request, as a careless library's may.
    sealed class BoomCounters(TimeProvider time, Boom boom) : CounterShell(new InProcessCounters(time))
    {
        public override ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
        {
            if (boom.Armed is { } text)
            {
                boom.Armed = null;
                throw new InvalidOperationException(text);
            }
            return base.HoldAsync(request, ct);
        }
    }
}
