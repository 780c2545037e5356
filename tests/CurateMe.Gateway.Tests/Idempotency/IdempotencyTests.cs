using System.Text;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Idempotency;

/// <summary>I8, AC11: an idempotency key is one call and one charge, whatever happens in between.</summary>
public sealed class IdempotencyTests
{
    const string Messages = """{"model":"claude-sonnet-4-5","max_tokens":20,"messages":[{"role":"user","content":"ping"}]}""";
    const string Contents = """{"contents":[{"role":"user","parts":[{"text":"ping"}]}],"generationConfig":{"maxOutputTokens":20}}""";
    const string MessagesPath = "/v1/anthropic/v1/messages";
    const string ContentsPath = "/v1/google/v1beta/models/gemini-2.5-flash:generateContent";

    static readonly (string, string) Version = ("anthropic-version", "2023-06-01");

    static (string, string) Key(string key = "k-1") => ("X-Idempotency-Key", key);

    public static TheoryData<string, string> Bodies => new()
    {
        { Chat.Path, Chat.Body() },
        { Chat.Path, Chat.Body(stream: true) },
        { MessagesPath, Messages },
        { MessagesPath, Messages[..^1] + ",\"stream\":true}" },
        { ContentsPath, Contents },
        { "/v1/embeddings", """{"model":"text-embedding-3-small","input":"ping"}""" },
        { "/v1/responses", """{"model":"gpt-4o-mini","input":"ping","max_output_tokens":20}""" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Repeated_WithTheSameBody_GetsTheSameAnswerAndIsChargedOnce(string path, string body)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var first = await rig.AskAsync(key, body, path: path, headers: [Key(), Version]);
        Assert.Equal(200, first.Status);

        foreach (var header in (string[])["X-Idempotency-Key", "Idempotency-Key"])
        {
            var again = await rig.AskAsync(key, body, path: path, headers: [(header, "k-1"), Version]);
            Assert.Equal((200, "true"), (again.Status, again.Header("Idempotent-Replayed")));
            Assert.Equal(first.Bytes, again.Bytes);
            Assert.Equal((first.Id, NanoUsd.Zero), (again.Header("X-CM-Original-Request-ID"), again.Cost));
            Assert.NotEqual(first.Id, again.Id);
        }

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal(first.Id, record.Id.ToString());
        Assert.Single(rig.Simulator.Bill.Entries);
    }

    [Theory]
    [InlineData(Chat.Path, """{"model":"gpt-4o-mini","max_tokens":20,"messages":[{"role":"user","content":"a"}]}""", "error.code")]
    [InlineData(MessagesPath, Messages, "error.code")]
    [InlineData(ContentsPath, Contents, "error.details.metadata.code")]
    public async Task OtherBody_IsRefusedInTheDialectsShape(string path, string body, string where)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        Assert.Equal(200, (await rig.AskAsync(key, body, path: path, headers: [Key(), Version])).Status);

        var other = await rig.AskAsync(key, body.Replace("\"user\"", "\"user\" ", StringComparison.Ordinal), path: path, headers: [Key(), Version]);

        Assert.Equal((422, "false"), (other.Status, other.Header("x-should-retry")));
        var json = other.Json;
        foreach (var name in where.Split('.'))
        {
            json = json.GetProperty(name);
            json = json.ValueKind == JsonValueKind.Array ? json[0] : json;
        }
        Assert.Equal("idempotency_key_reused", json.GetString());
        Assert.Contains("GW_REQ_010", other.Text, StringComparison.Ordinal);
        Assert.Single(await rig.AssertBooksAsync());
    }

    [Fact]
    public async Task OtherPathOrOtherApiKey_IsNeverGivenTheAnswer()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var other = await rig.KeyAsync(key: "key_other");
        Assert.Equal(200, (await rig.AskAsync(key, headers: Key())).Status);

        Assert.Equal(422, (await rig.AskAsync(key, path: "/v1/chat/completions", headers: Key())).Status);
        var own = await rig.AskAsync(other, headers: Key());
        Assert.Equal((200, null), (own.Status, own.Header("Idempotent-Replayed")));
        Assert.Equal(2, (await rig.AssertBooksAsync()).Count);
    }

    [Fact]
    public async Task WhileTheFirstIsOnItsWay_409WithRetryAfter_AndOfManyAtOnceOneIsMade()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var first = rig.AskAsync(key, sim: "latency_ms=1500", headers: Key());
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 1, "the call is with the provider");

        var early = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => rig.AskAsync(key, headers: Key())));

        Assert.All(early, static a => Assert.Equal((409, "idempotency_in_progress", "1", null), (a.Status, a.Code, a.Header("Retry-After"), a.Header("x-should-retry"))));
        Assert.Equal(200, (await first).Status);
        Assert.Equal("true", (await rig.AskAsync(key, headers: Key())).Header("Idempotent-Replayed"));
        Assert.Single(await rig.AssertBooksAsync());
    }

    [Fact]
    public async Task RefusedOrUnbilled_FreesTheKey()
    {
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(0) });
        Assert.Equal(403, (await rig.AskAsync(key, headers: Key())).Status);
        await rig.PolicyAsync("org_test", new PolicyDocument());

        Assert.Equal(400, (await rig.AskAsync(key, sim: "status=400", headers: Key())).Status);
        var failed = await rig.AskAsync(key, sim: "status=503", headers: Key());
        Assert.Equal((502, "upstream_error"), (failed.Status, failed.Code));
        var made = await rig.AskAsync(key, headers: Key());

        Assert.Equal((200, null), (made.Status, made.Header("Idempotent-Replayed")));
        Assert.Single(await rig.AssertBooksAsync(), static r => r.Cost > NanoUsd.Zero);
    }

    [Fact]
    public async Task ClientLeftWithinAStream_ComesBackAndGetsAllOfIt()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var body = Chat.Body(60, stream: true);
        using (var request = new HttpRequestMessage(HttpMethod.Post, new Uri(rig.Address, Chat.Path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") })
        {
            request.Headers.Add("Authorization", "Bearer " + key);
            request.Headers.Add("X-Idempotency-Key", "k-1");
            request.Headers.Add("X-Sim", "output_tokens=50;chunk_delay_ms=5");
            using var http = new HttpClient();
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            Assert.True(await (await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken)).ReadAtLeastAsync(new byte[100], 100, cancellationToken: TestContext.Current.CancellationToken) >= 100);
        }

        Answer again;
        do
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
            again = await rig.AskAsync(key, body, headers: Key());
        }
        while (again.Status == 409 && again.Code == "idempotency_in_progress");

        Assert.Equal((200, "text/event-stream"), (again.Status, again.Header("Idempotent-Replayed") == "true" ? "text/event-stream" : "made again"));
        Assert.EndsWith("data: [DONE]\n\n", again.Text, StringComparison.Ordinal);
        Assert.Single(await rig.AssertBooksAsync());
    }

    [Fact]
    public async Task BrokenAnswer_ThatWasCharged_IsNotMadeAgain()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var body = Chat.Body(40, stream: true);
        await Assert.ThrowsAnyAsync<Exception>(() => rig.AskAsync(key, body, "output_tokens=30;cut_after_bytes=900", headers: Key()));
        await rig.QuietAsync();

        var again = await rig.AskAsync(key, body, headers: Key());

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((409, "idempotency_answer_not_kept"), (again.Status, again.Code));
        Assert.Contains(record.Id.ToString(), again.Message, StringComparison.Ordinal);
        Assert.True(record.Cost > NanoUsd.Zero);
    }

    [Fact]
    public async Task AnswerLargerThanTheLimit_IsChargedOnceAndNotKept()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Idempotency:MaxAnswerBytes"] = "100" });
        var key = await rig.KeyAsync();
        Assert.Equal(200, (await rig.AskAsync(key, headers: Key())).Status);
        Assert.Equal("idempotency_answer_not_kept", (await rig.AskAsync(key, headers: Key())).Code);
        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(stream: true), headers: Key("k-2"))).Status);
        Assert.Equal("idempotency_answer_not_kept", (await rig.AskAsync(key, Chat.Body(stream: true), headers: Key("k-2"))).Code);
        Assert.Equal(2, (await rig.AssertBooksAsync()).Count);
    }

    [Fact]
    public async Task MoreKeysThanADayAllows_AreRefused()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Idempotency:MaxKeysPerDay"] = "2" });
        var key = await rig.KeyAsync();
        Assert.Equal(200, (await rig.AskAsync(key, headers: Key("k-1"))).Status);
        Assert.Equal(200, (await rig.AskAsync(key, headers: Key("k-2"))).Status);
        await rig.AssertRefusedAsync(await rig.AskAsync(key, headers: Key("k-3")), 429, "idempotency_keys_used_up");
        Assert.Equal("true", (await rig.AskAsync(key, headers: Key("k-1"))).Header("Idempotent-Replayed"));
    }

    [Theory]
    [InlineData("with a blank")]
    [InlineData("ümlaut")]
    public async Task MalformedKey_IsRefused(string value)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        await rig.AssertRefusedAsync(await rig.AskAsync(key, headers: Key(value)), 400, "invalid_header", "X-Idempotency-Key");
        await rig.AssertRefusedAsync(await rig.AskAsync(key, headers: [Key("a"), ("Idempotency-Key", "b")]), 400, "invalid_header", "X-Idempotency-Key");
        await rig.AssertRefusedAsync(await rig.AskAsync(key, headers: Key(new string('a', 256))), 400, "invalid_header", "X-Idempotency-Key");
    }

    [Fact]
    public async Task AfterARestart_TheAnswerIsGivenAgain_AndLiesInNoFileInTheClear()
    {
        using var directory = new TemporaryDirectory();
        string key;
        Answer first;
        await using (var rig = await GatewayRig.StartAsync(directory: directory))
        {
            key = await rig.KeyAsync();
            first = await rig.AskAsync(key, Chat.Body(text: "PLANTEDPROMPT9Z"), headers: Key("PLANTEDIDKEY9Z"));
            Assert.Equal(200, first.Status);
        }
        var said = first.Json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        foreach (var file in Directory.EnumerateFiles(directory.Path, "*", SearchOption.AllDirectories))
        {
            var text = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
            foreach (var secret in (string[])["PLANTEDPROMPT9Z", "PLANTEDIDKEY9Z", said])
            {
                Assert.False(text.Contains(secret, StringComparison.Ordinal), $"{Path.GetFileName(file)} has {secret}");
            }
        }

        await using var again = await GatewayRig.StartAsync(directory: directory);
        var replay = await again.AskAsync(key, Chat.Body(text: "PLANTEDPROMPT9Z"), headers: Key("PLANTEDIDKEY9Z"));

        Assert.Equal(("true", first.Text), (replay.Header("Idempotent-Replayed"), replay.Text));
        Assert.Single(await again.RecordsAsync());
        Assert.Empty(again.Simulator.Bill.Entries);
    }

    [Theory]
    [InlineData(true, "idempotency_answer_not_kept")]
    [InlineData(false, null)]
    public async Task DiedBetweenClaimAndStore_TheLedgerDecides(bool charged, string? code)
    {
        using var directory = new TemporaryDirectory();
        string key;
        await using (var rig = await GatewayRig.StartAsync(directory: directory, services: static s => s.AddSingleton<IEntryStore>(static p => new Forgetful(p.GetRequiredService<CurateMe.Gateway.Hosting.GatewaySettings>().DataDirectory))))
        {
            key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(charged ? 1 : 0) });
            // As if the process had died right after the settlement, or right after the claim: how the key ended is not written.
            Assert.Equal(charged ? 200 : 403, (await rig.AskAsync(key, headers: Key())).Status);
        }

        await using var again = await GatewayRig.StartAsync(directory: directory);
        await again.PolicyAsync("org_test", new PolicyDocument());
        var answer = await again.AskAsync(key, headers: Key());

        Assert.Equal(code, answer.Code);
        Assert.Equal(code, (await again.AskAsync(key, headers: Key())).Code);
        Assert.Single(await again.RecordsAsync());
    }

    [Fact]
    public async Task StoreAway_IsRefusedAndNothingIsForwarded()
    {
        await using var rig = await GatewayRig.StartAsync(services: static s => s.AddSingleton<IEntryStore>(static _ => new Away()));
        var key = await rig.KeyAsync();
        await rig.AssertRefusedAsync(await rig.AskAsync(key, headers: Key()), 503, "idempotency_store_unavailable");
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
    }

    // A store that stood still carries out later what it was asked.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StoreTookTheClaimButDidNotSaySo_TheKeyIsFreeAgain(bool afterTheSweep)
    {
        using var directory = new TemporaryDirectory();
        await using var late = new Late(directory.Path);
        await using var rig = await GatewayRig.StartAsync(services: s => s.AddSingleton<IEntryStore>(late));
        var key = await rig.KeyAsync();
        late.Silent = true;
        await rig.AssertRefusedAsync(await rig.AskAsync(key, headers: Key()), 503, "idempotency_store_unavailable");
        Assert.NotNull(await late.FindAsync(late.Name, default));

        late.Silent = false;
        for (var i = 0; i < 1500 && afterTheSweep && await late.FindAsync(late.Name, default) is not null; i++)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Equal(200, (await rig.AskAsync(key, headers: Key())).Status);
        Assert.Equal("true", (await rig.AskAsync(key, headers: Key())).Header("Idempotent-Replayed"));
        Assert.Single(rig.Simulator.Bill.Entries);
    }

    [Fact]
    public async Task StoreAwayWhenARefusedRequestEnds_TheKeyIsFreeAgain()
    {
        using var directory = new TemporaryDirectory();
        await using var late = new Late(directory.Path) { LosesEnds = true };
        await using var rig = await GatewayRig.StartAsync(services: s => s.AddSingleton<IEntryStore>(late));
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(0) });
        Assert.Equal(403, (await rig.AskAsync(key, headers: Key())).Status);
        late.LosesEnds = false;
        await rig.PolicyAsync("org_test", new PolicyDocument());

        Assert.Equal(200, (await rig.AskAsync(key, headers: Key())).Status);
    }

    /// <summary>Does what it is asked, and at times does not say so, or does not do what ends a claim.</summary>
    sealed class Late(string directory) : IEntryStore, IAsyncDisposable
    {
        readonly SqliteEntryStore real = SqliteEntryStore.Open(directory, TimeProvider.System);

        public bool Silent { get; set; }

        public bool LosesEnds { get; set; }

        public EntryName Name { get; private set; }

        public async ValueTask<EntryAdd> AddAsync(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota, CancellationToken ct)
        {
            Name = name;
            var added = await real.AddAsync(name, value, timeToLive, quota, ct);
            return Silent ? throw new EntryStoreUnavailableException("late") : added;
        }

        public ValueTask<byte[]?> FindAsync(EntryName name, CancellationToken ct) => real.FindAsync(name, ct);

        public ValueTask<EntryChange> ReplaceAsync(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota, CancellationToken ct) =>
            Silent || LosesEnds ? throw new EntryStoreUnavailableException("late") : real.ReplaceAsync(name, expected, value, quota, ct);

        public ValueTask DisposeAsync() => real.DisposeAsync();
    }

    /// <summary>Takes claims, and forgets how they end.</summary>
    sealed class Forgetful(string directory) : IEntryStore, IAsyncDisposable
    {
        readonly SqliteEntryStore real = SqliteEntryStore.Open(directory, TimeProvider.System);

        public ValueTask<EntryAdd> AddAsync(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota, CancellationToken ct) => real.AddAsync(name, value, timeToLive, quota, ct);

        public ValueTask<byte[]?> FindAsync(EntryName name, CancellationToken ct) => real.FindAsync(name, ct);

        public ValueTask<EntryChange> ReplaceAsync(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota, CancellationToken ct) =>
            throw new EntryStoreUnavailableException("forgotten");

        public ValueTask DisposeAsync() => real.DisposeAsync();
    }

    sealed class Away : IEntryStore
    {
        public ValueTask<EntryAdd> AddAsync(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota, CancellationToken ct) => throw new EntryStoreUnavailableException("away");

        public ValueTask<byte[]?> FindAsync(EntryName name, CancellationToken ct) => throw new EntryStoreUnavailableException("away");

        public ValueTask<EntryChange> ReplaceAsync(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota, CancellationToken ct) =>
            throw new EntryStoreUnavailableException("away");
    }

    [Fact]
    public async Task BackgroundWhoseAnswerIsNotKept_IsMadeOnce()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Idempotency:MaxAnswerBytes"] = "100" });
        var key = await rig.KeyAsync();
        const string Body = """{"model":"gpt-5-mini","input":"ping","background":true,"max_output_tokens":200}""";

        var first = await rig.AskAsync(key, Body, "latency_ms=300", path: "/v1/responses", headers: Key());
        var second = await rig.AskAsync(key, Body, "latency_ms=300", path: "/v1/responses", headers: Key());

        await rig.QuietAsync();
        Assert.Contains("\"queued\"", first.Text, StringComparison.Ordinal);
        Assert.Equal("idempotency_answer_not_kept", second.Code);
        Assert.Single(await rig.RecordsAsync());
    }
}
