using System.Net.Http.Headers;
using System.Text;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class BadInputRig : IAsyncLifetime
{
    internal GatewayRig Rig { get; private set; } = null!;
    internal string Key { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Rig = await GatewayRig.StartAsync();
        Key = await Rig.KeyAsync();
    }

    public ValueTask DisposeAsync() => Rig.DisposeAsync();
}

public sealed class BadInputTests(BadInputRig shared) : IClassFixture<BadInputRig>
{
    const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}]";

    [Theory]
    [InlineData("", "invalid_json", null)]
    [InlineData(" ", "invalid_json", null)]
    [InlineData("null", "invalid_json", null)]
    [InlineData("[]", "invalid_json", null)]
    [InlineData("\"x\"", "invalid_json", null)]
    [InlineData("{", "invalid_json", null)]
    [InlineData("{}", "missing_field", "model")]
    [InlineData("{\"model\":\"gpt-4o-mini\"}", "missing_field", "messages")]
    [InlineData("{" + Messages + "}", "missing_field", "model")]
    [InlineData("{\"model\":null," + Messages + "}", "invalid_field", "model")]
    [InlineData("{\"model\":7," + Messages + "}", "invalid_field", "model")]
    [InlineData("{\"model\":\"\"," + Messages + "}", "invalid_field", "model")]
    [InlineData("{\"model\":\"a\\u0000b\"," + Messages + "}", "invalid_field", "model")]
    [InlineData("{\"model\":\"\\ud800\"," + Messages + "}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"messages\":\"ping\"}", "invalid_field", "messages")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"messages\":{}}", "invalid_field", "messages")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"messages\":null}", "invalid_field", "messages")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"a\\udc00\"}]}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"\\uD83Dx\"}]}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream\":\"yes\"," + Messages + "}", "invalid_field", "stream")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream\":1," + Messages + "}", "invalid_field", "stream")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream_options\":[]," + Messages + "}", "invalid_field", "stream_options")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream_options\":{\"include_usage\":\"x\"}," + Messages + "}", "invalid_field", "stream_options.include_usage")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"stream_options\":{\"include_usage\":true,\"include_usage\":false}," + Messages + "}", "invalid_field", "stream_options.include_usage")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":\"20\"," + Messages + "}", "invalid_field", "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":true," + Messages + "}", "invalid_field", "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":[1]," + Messages + "}", "invalid_field", "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":-1," + Messages + "}", "invalid_field", "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":99999999999999999999," + Messages + "}", "invalid_field", "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_completion_tokens\":{}," + Messages + "}", "invalid_field", "max_completion_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"n\":100000," + Messages + "}", "invalid_field", "n")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"n\":\"2\"," + Messages + "}", "invalid_field", "n")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"service_tier\":5," + Messages + "}", "invalid_field", "service_tier")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"modalities\":\"audio\"," + Messages + "}", "invalid_field", "modalities")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"modalities\":[1]," + Messages + "}", "invalid_field", "modalities")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"model\":\"gpt-4o\"," + Messages + "}", "invalid_field", "model")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"mod\\u0065l\":\"gpt-4o\"," + Messages + "}", "invalid_field", "model")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":1,\"max_tokens\":9000," + Messages + "}", "invalid_field", "max_tokens")]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"n\":1,\"n\":64," + Messages + "}", "invalid_field", "n")]
    [InlineData("{\"model\":\"gpt-4o-mini\"," + Messages + "," + Messages + "}", "invalid_field", "messages")]
    [InlineData("\ufeff{\"model\":\"gpt-4o-mini\"," + Messages + "}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\"," + Messages + "} x", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\"," + Messages + "}{}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\"," + Messages + ",}", "invalid_json", null)]
    [InlineData("{'model':'gpt-4o-mini'}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":NaN," + Messages + "}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\",\"max_tokens\":Infinity," + Messages + "}", "invalid_json", null)]
    [InlineData("{\"model\":\"gpt-4o-mini\",/* a */" + Messages + "}", "invalid_json", null)]
    [InlineData("model=gpt-4o-mini&messages=ping", "invalid_json", null)]
    public async Task Body_ThatIsNoRequest_IsRefusedByName(string body, string code, string? param) =>
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, body), 400, code, param);

    [Fact]
    public async Task Body_NestedTooDeep_IsRefused()
    {
        var deep = new string('[', 100) + new string(']', 100);
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, Chat.Body()[..^1] + ",\"metadata\":" + deep + "}"), 400, "invalid_json");
        var million = new string('[', 1_000_000);
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, million), 400, "invalid_json");
    }

    [Fact]
    public async Task Body_InvalidUtf8_IsRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new ByteArrayContent([.. Encoding.UTF8.GetBytes(Chat.Body(text: "a"))[..^8], 0xC3, 0x28, .. "\"}]}"u8]) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        await shared.Rig.AssertRefusedAsync(await shared.Rig.SendAsync(shared.Key, request), 400, "invalid_json");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Body_TooLarge_IsRefusedBeforeItIsRead(bool declared)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(text: new string('x', 11 << 20)), Encoding.UTF8, "application/json") };
        request.Headers.TransferEncodingChunked = declared ? null : true;
        request.Headers.ExpectContinue = declared;
        // A busy machine may take its time to refuse; nothing is sent before it did.
        using var patient = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) }) { BaseAddress = shared.Rig.Address };
        await shared.Rig.AssertRefusedAsync(await shared.Rig.SendAsync(shared.Key, request, http: patient), 413, "body_too_large");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/jsonx")]
    [InlineData(null)]
    public async Task ContentType_NotJson_IsRefused(string? type)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Chat.Body())) };
        request.Content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        await shared.Rig.AssertRefusedAsync(await shared.Rig.SendAsync(shared.Key, request), 415, "unsupported_media_type", "Content-Type");
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("gzip, identity")]
    public async Task ContentEncoding_OfTheBody_IsRefusedByName(string coding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(), Encoding.UTF8, "application/json") };
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", coding);
        var answer = await shared.Rig.SendAsync(shared.Key, request);
        await shared.Rig.AssertRefusedAsync(answer, 415, "unsupported_media_type", "Content-Encoding");
        Assert.Contains("Content-Encoding", answer.Message, StringComparison.Ordinal);
        Assert.Contains("uncompressed", answer.Error.GetProperty("remediation").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ContentEncoding_Identity_IsNone()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(), Encoding.UTF8, "application/json") };
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "identity");
        Assert.Equal(200, (await shared.Rig.SendAsync(shared.Key, request)).Status);
    }

    [Theory]
    [InlineData(Chat.Path)]
    [InlineData("/v1/embeddings")]
    [InlineData("/v1/responses")]
    public async Task ByteOrderMark_IsRefusedByItsName(string path)
    {
        var answer = await shared.Rig.AskAsync(shared.Key, "\uFEFF" + Chat.Body(), path: path);
        await shared.Rig.AssertRefusedAsync(answer, 400, "invalid_json");
        Assert.Contains("byte order mark", answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-CM-Session-ID", "a\tb")]
    [InlineData("X-CM-Session-ID", "käse")]
    [InlineData("X-CM-Runner-ID", "a;b")]
    [InlineData("X-CM-Tags", "novalue")]
    [InlineData("X-CM-Tags", "=x")]
    [InlineData("X-CM-Tags", "a=b;c")]
    public async Task Label_NotPlain_IsRefusedByName(string header, string value) =>
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, headers: [(header, value)]), 400, "invalid_header", header);

    // Whatever is wrong with it, the caller is told the same rule.
    [Theory]
    [InlineData("X-CM-Session-ID", 64, "s", "1 to 63 ")]
    [InlineData("X-CM-Session-ID", 129, "s", "1 to 63 ")]
    [InlineData("X-CM-Session-ID", 3, "/", "1 to 63 ")]
    [InlineData("X-CM-Session-ID", 3, ";", "1 to 63 ")]
    [InlineData("X-CM-Runner-ID", 65, "r", "1 to 64 ")]
    [InlineData("X-CM-Runner-ID", 129, "r", "1 to 64 ")]
    [InlineData("X-CM-Runner-ID", 3, "/", "1 to 64 ")]
    [InlineData("X-CM-Runner-ID", 3, ";", "1 to 64 ")]
    public async Task Label_OfRunnerOrSession_HasOneRule(string header, int length, string letter, string rule)
    {
        var answer = await shared.Rig.AskAsync(shared.Key, headers: [(header, string.Concat(Enumerable.Repeat(letter, length)))]);
        await shared.Rig.AssertRefusedAsync(answer, 400, "invalid_header", header);
        Assert.Contains(rule, answer.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("/", answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-CM-Session-ID", 63)]
    [InlineData("X-CM-Runner-ID", 64)]
    public async Task Label_AsLongAsItMayBe_IsAccepted(string header, int length) =>
        Assert.Equal(200, (await shared.Rig.AskAsync(shared.Key, headers: [(header, new string('s', length))])).Status);

    [Fact]
    public async Task Label_TooLong_IsRefusedByName()
    {
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, headers: [("X-CM-Session-ID", new string('s', 129))]), 400, "invalid_header", "X-CM-Session-ID");
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, headers: [("X-CM-Tags", string.Join(',', Enumerable.Range(0, 33).Select(i => $"k{i}=v")))]), 400, "invalid_header", "X-CM-Tags");
    }

    [Theory]
    [InlineData("GET", "/v1/chat/completions")]
    [InlineData("PUT", "/v1/openai/chat/completions")]
    [InlineData("POST", "/v1/nobody/chat/completions")]
    [InlineData("POST", "/v1/openai/fine_tuning/jobs")]
    [InlineData("POST", "/v1/openai/chat/completions/x/cancel")]
    [InlineData("DELETE", "/v1/openai/models/gpt-4o")]
    public async Task Path_WithoutAMeter_IsRefused(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method != "GET")
        {
            request.Content = new StringContent(Chat.Body(), Encoding.UTF8, "application/json");
        }
        await shared.Rig.AssertRefusedAsync(await shared.Rig.SendAsync(shared.Key, request), 404, "not_found_error");
    }

    [Fact]
    public async Task Model_Unknown_IsNotPricedOrTheProvidersWord()
    {
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, Chat.Body(model: "gpt-99-nonsense")), 403, "model_not_priced", "model");
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, Chat.Body(model: "gpt-99-nonsense"), path: "/v1/chat/completions"), 403, "model_not_priced", "model");
        await shared.Rig.AssertRefusedAsync(await shared.Rig.AskAsync(shared.Key, Chat.Body(model: new string('m', 129))), 400, "invalid_field", "model");
    }
}
