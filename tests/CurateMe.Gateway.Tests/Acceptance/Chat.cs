using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>An answer as the client got it: all of it, trailers included.</summary>
sealed record Answer(int Status, byte[] Bytes, HttpResponseHeaders Headers, HttpResponseHeaders Trailers)
{
    public string Text => Encoding.UTF8.GetString(Bytes);
    public JsonElement Json => JsonElement.Parse(Bytes);
    public JsonElement Error => Json.GetProperty("error");
    public string? Code => Status < 400 ? null : Error.GetProperty("code").GetString();
    public string Message => Error.GetProperty("message").GetString()!;
    public string? Param => Error.GetProperty("param").GetString();
    public string Id => Header("X-CM-Request-ID")!;
    public NanoUsd Cost => NanoUsd.Parse(Header("X-CM-Cost")!);

    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;
    public string? Trailer(string name) => Trailers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    public override string ToString() => $"{Status} {Text[..Math.Min(Text.Length, 600)]}";
}

/// <summary>Chat completions as clients send them.</summary>
static class Chat
{
    public const string Path = "/v1/openai/chat/completions";
    public const string Model = "gpt-4o-mini";

    /// <summary>A request's body; <paramref name="more"/> is laid over it.</summary>
    public static string Body(int? cap = 20, bool stream = false, string model = Model, string text = "ping", string? more = null)
    {
        var body = new JsonObject { ["model"] = model, ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }) };
        if (stream)
        {
            body["stream"] = true;
        }
        if (cap is not null)
        {
            body["max_tokens"] = cap;
        }
        foreach (var (name, value) in more is null ? [] : JsonNode.Parse(more)!.AsObject())
        {
            body[name] = value?.DeepClone();
        }
        return body.ToJsonString();
    }

    /// <summary>Sends a body and reads the answer to its end.</summary>
    public static async Task<Answer> AskAsync(
        this GatewayRig rig, string key, string? body = null, string? sim = null, string path = Path, string? session = null, HttpClient? http = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body ?? Body(), Encoding.UTF8, "application/json") };
        return await rig.SendAsync(key, request, sim, session, http, headers);
    }

    public static async Task<Answer> SendAsync(
        this GatewayRig rig, string key, HttpRequestMessage request, string? sim = null, string? session = null, HttpClient? http = null, params (string Name, string Value)[] headers)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        foreach (var (name, value) in (IEnumerable<(string, string?)>)[("X-Sim", sim), ("X-CM-Session-ID", session), .. headers])
        {
            if (value is not null)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }
        using var response = await (http ?? rig.Http).SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var bytes = await response.Content.ReadAsByteArrayAsync();
        return new Answer((int)response.StatusCode, bytes, response.Headers, response.TrailingHeaders);
    }

    /// <summary>The one record of an org that has one.</summary>
    public static async Task<UsageRecord> RecordAsync(this GatewayRig rig, string org = "org_test") => Xunit.Assert.Single(await rig.RecordsAsync(org));
}
