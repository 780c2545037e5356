using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.ProviderKeys;

public sealed class ProviderKeyTests
{
    const string AdminToken = "provider-keys-admin-token";
    const string Path = "/api/v1/admin/provider-keys";

    static readonly Dictionary<string, string?> Configuration = new() { ["ADMIN_TOKEN"] = AdminToken };

    static Task<GatewayRig> StartAsync(ScriptedUpstream upstream, TemporaryDirectory? directory = null, Dictionary<string, string?>? configuration = null) =>
        GatewayRig.StartAsync(configuration ?? Configuration, directory, settings: s => AC07_FailureAtEveryStep.Quick(upstream.Behind(s)));

    static async Task<(HttpStatusCode Status, JsonElement Json, string Text)> AdminAsync(GatewayRig rig, HttpMethod method, string path, object? body = null, string? org = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(rig.Address, path)) { Content = body is null ? null : JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
        if (org is not null)
        {
            request.Headers.Add("X-Org-ID", org);
        }
        using var answer = await rig.Http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (answer.StatusCode, text.Length == 0 ? default : JsonElement.Parse(text), text);
    }

    static async Task<string> StoreAsync(GatewayRig rig, string key, string? org = null)
    {
        var (status, json, text) = await AdminAsync(rig, HttpMethod.Post, Path, new { provider = "openai", key }, org);
        Assert.True(status == HttpStatusCode.Created, text);
        return json.GetProperty("provider_key_id").GetString()!;
    }

    static void AnswerWell(ScriptedUpstream upstream) => upstream.Answer("""{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":5}}""");

    // The keys that the provider was shown, in order.
    static string[] Shown(ScriptedUpstream upstream) =>
        [.. upstream.Requests.Select(static r => r.Split("\r\n").First(static l => l.StartsWith("Authorization:", StringComparison.OrdinalIgnoreCase)).Split("Bearer ")[1])];

    [Fact]
    public async Task OwnOfTheOrg_BeforeThePlatforms_BeforeTheConfigurations()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await StartAsync(upstream);
        var key = await rig.KeyAsync();
        var other = await rig.KeyAsync("org_other", key: "key_other");
        async Task AskAsync(string secret, params (string, string)[] headers)
        {
            AnswerWell(upstream);
            Assert.Equal(200, (await rig.AskAsync(secret, headers: headers)).Status);
        }

        await AskAsync(key);
        await StoreAsync(rig, "sk-platform-1");
        await AskAsync(key);
        var own = await StoreAsync(rig, "sk-org-12345", "org_test");
        await AskAsync(key);
        await AskAsync(other);
        await AskAsync(key, ("X-Provider-Key", "sk-callers"));
        Assert.Equal(HttpStatusCode.OK, (await AdminAsync(rig, HttpMethod.Patch, $"{Path}/{own}", new { disabled = true })).Status);
        await AskAsync(key);
        Assert.Equal(HttpStatusCode.OK, (await AdminAsync(rig, HttpMethod.Patch, $"{Path}/{own}", new { disabled = false })).Status);
        await AskAsync(key);
        Assert.Equal(HttpStatusCode.OK, (await AdminAsync(rig, HttpMethod.Delete, $"{Path}/{own}")).Status);
        await AskAsync(key);

        Assert.Equal(["sk-demo", "sk-platform-1", "sk-org-12345", "sk-platform-1", "sk-callers", "sk-platform-1", "sk-org-12345", "sk-platform-1"], Shown(upstream));
    }

    [Fact]
    public async Task StoredKey_IsShownByItsEndOnly_AndLiesEncrypted()
    {
        using var directory = new TemporaryDirectory();
        await using var upstream = new ScriptedUpstream();
        string created;
        await using (var rig = await StartAsync(upstream, directory))
        {
            var (_, json, text) = await AdminAsync(rig, HttpMethod.Post, Path, new { provider = "openai", key = "sk-PLANTEDKEY-9Z", name = "main" });
            created = json.GetProperty("provider_key_id").GetString()!;
            Assert.Equal("Y-9Z", json.GetProperty("last4").GetString());
            var list = await AdminAsync(rig, HttpMethod.Get, Path);
            var audit = await AdminAsync(rig, HttpMethod.Get, "/gateway/admin/audit?action=provider_key.create");
            Assert.Equal("main", Assert.Single(list.Json.GetProperty("data").EnumerateArray()).GetProperty("name").GetString());
            Assert.Contains(created, audit.Text, StringComparison.Ordinal);
            foreach (var shown in (string[])[text, list.Text, audit.Text, string.Join('\n', rig.Logs.All)])
            {
                Assert.DoesNotContain("PLANTED", shown, StringComparison.Ordinal);
                Assert.DoesNotContain("v1:", shown, StringComparison.Ordinal);
            }
        }
        foreach (var file in Directory.EnumerateFiles(directory.Path, "*", SearchOption.AllDirectories))
        {
            Assert.DoesNotContain("PLANTED", Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)), StringComparison.Ordinal);
        }
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(System.IO.Path.Combine(directory.Path, MasterKey.FileName)));
        }

        await using var again = await StartAsync(upstream, directory);
        var key = await again.KeyAsync();
        AnswerWell(upstream);
        Assert.Equal(200, (await again.AskAsync(key)).Status);
        Assert.Equal(["sk-PLANTEDKEY-9Z"], Shown(upstream));
    }

    [Fact]
    public async Task OtherMasterKey_TheKeyIsNotUsed_AndTheLogSaysSo()
    {
        using var directory = new TemporaryDirectory();
        await using var upstream = new ScriptedUpstream();
        await using (var rig = await StartAsync(upstream, directory))
        {
            await StoreAsync(rig, "sk-PLANTEDKEY-9Z");
        }
        var other = new Dictionary<string, string?>(Configuration) { ["CM_MASTER_KEY"] = Convert.ToBase64String(new byte[32]) };
        await using var again = await StartAsync(upstream, directory, other);
        var key = await again.KeyAsync();
        AnswerWell(upstream);
        Assert.Equal(200, (await again.AskAsync(key)).Status);
        Assert.Equal(["sk-demo"], Shown(upstream));
        Assert.Contains("another master key", string.Join('\n', again.Logs.All), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("401 Unauthorized")]
    [InlineData("429 Too Many Requests")]
    public async Task RefusedByTheProvider_AnotherIsTriedAtOnce_AndTheFirstRests(string status)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await StartAsync(upstream);
        var key = await rig.KeyAsync();
        await StoreAsync(rig, "sk-one-1234");
        await StoreAsync(rig, "sk-two-1234");
        upstream.Answer("""{"error":{"message":"no"}}""", status);
        AnswerWell(upstream);

        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        for (var i = 0; i < 4; i++)
        {
            AnswerWell(upstream);
            Assert.Equal(200, (await rig.AskAsync(key)).Status);
        }

        var shown = Shown(upstream);
        Assert.NotEqual(shown[0], shown[1]);
        Assert.All(shown[1..], used => Assert.Equal(shown[1], used));
        Assert.Equal(5, (await rig.RecordsAsync()).Count);
    }

    // The provider knows the response under the key that made it alone: asked with the refused one it would never tell what to charge.
    [Fact]
    public async Task ResponseInTheBackground_IsAskedForWithTheKeyThatMadeIt()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await StartAsync(upstream);
        var key = await rig.KeyAsync();
        await StoreAsync(rig, "sk-one-1234");
        await StoreAsync(rig, "sk-two-1234");
        upstream.Answer("""{"error":{"message":"no"}}""", "401 Unauthorized");
        upstream.Answer("""{"id":"resp_1","status":"queued","background":true,"usage":null}""");
        upstream.Answer("""{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":100,"output_tokens":50,"total_tokens":150}}""");

        Assert.Equal(200, (await rig.AskAsync(key, """{"model":"gpt-5-mini","input":"ping","background":true,"max_output_tokens":200}""", path: "/v1/responses")).Status);

        await Poll.UntilAsync(async () => (await rig.RecordsAsync()).Count == 1, "the record");
        var shown = Shown(upstream);
        Assert.Equal(3, shown.Length);
        Assert.NotEqual(shown[0], shown[1]);
        Assert.Equal(shown[1], shown[2]);
        Assert.Equal(50, Assert.Single(await rig.RecordsAsync()).Usage.CompletionTokens);
    }

    [Fact]
    public async Task AllRefused_TheCallerSeesWhatTheProviderSaid_AndNothingIsCharged()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await StartAsync(upstream);
        var key = await rig.KeyAsync();
        await StoreAsync(rig, "sk-one-1234");
        await StoreAsync(rig, "sk-two-1234");
        for (var i = 0; i < 3; i++)
        {
            upstream.Answer("""{"error":{"message":"the provider's own words"}}""", "401 Unauthorized");
        }

        var answer = await rig.AskAsync(key);

        Assert.Equal(401, answer.Status);
        Assert.Contains("the provider's own words", answer.Text, StringComparison.Ordinal);
        Assert.Equal(2, upstream.Requests.Count);
        await rig.QuietAsync();
        Assert.Equal(0, Assert.Single(await rig.RecordsAsync()).Cost.Value);
    }

    [Fact]
    public async Task Throttled_RestsAsLongAsTheProviderSays()
    {
        var clock = new TestClock();
        var set = new KeySet([new ProviderSecret("a", "a"), new ProviderSecret("b", "b")], clock);
        var first = set.Next()!;
        set.Refused(first, 429, TimeSpan.FromSeconds(30));
        Assert.All(Enumerable.Range(0, 5), _ => Assert.NotSame(first, set.Next()));
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Contains(Enumerable.Range(0, 2).Select(_ => set.Next()), s => s == first);

        set.Refused(set.Next()!, 401, null);
        set.Refused(set.Ready(except: null)!, 429, TimeSpan.FromDays(7));
        Assert.Null(set.Ready(except: null));
        Assert.NotNull(set.Next());
        clock.Advance(KeySet.LongestRest);
        Assert.NotNull(set.Ready(except: null));
        await Task.CompletedTask;
    }

    [Theory]
    [InlineData("""{"provider":"nobody","key":"sk-12345678"}""", "provider")]
    [InlineData("""{"key":"sk-12345678"}""", "provider")]
    [InlineData("""{"provider":"openai"}""", "key")]
    [InlineData("""{"provider":"openai","key":"short"}""", "key")]
    [InlineData("""{"provider":"openai","key":"with a blank"}""", "key")]
    [InlineData("""{"provider":"openai","key":"sk-12345678","name":""}""", "name")]
    public async Task Create_WithABadField_NamesIt_AndNeverRepeatsTheKey(string body, string param)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await StartAsync(upstream);
        var (status, json, text) = await AdminAsync(rig, HttpMethod.Post, Path, JsonElement.Parse(body));
        Assert.Equal((HttpStatusCode.BadRequest, param), (status, json.GetProperty("error").GetProperty("param").GetString()));
        Assert.DoesNotContain("sk-12345678", text, StringComparison.Ordinal);
    }
}
