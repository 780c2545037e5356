using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class FuzzTests(ITestOutputHelper output)
{
    static readonly string[] Values =
    [
        "null", "true", "-1", "0", "1", "1e308", "-0", "2.5", "9223372036854775808", "\"\"", "\"x\"", "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[[[[]]]]", "{\"a\":1,\"a\":2}", "NaN", "tru", "'a'", "\u0001", "\"\\x\"",
        "[{\"role\":\"user\",\"content\":\"hi\"}]", "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":7},{\"type\":\"input_audio\",\"input_audio\":{\"data\":7}},{\"type\":\"file\",\"file\":null}]}]",
        "{\"include_usage\":true}", "{\"include_usage\":null}", "\"gpt-4o\"", "\"flex\"", "[\"text\",\"audio\"]",
    ];

    static readonly string[] Names = ["model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "service_tier", "modalities", "tools", "tool_choice", "response_format", "x", "", "\\u006dodel", "reasoning_effort"];

    static readonly string[] Headers = ["X-CM-Session-ID", "X-CM-Runner-ID", "X-CM-Tags", "X-Provider-Key", "Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding", "X-Client-Request-Id", "Expect", "X-Any", "Cookie", "traceparent", "Accept", "OpenAI-Beta", "X-Forwarded-For"];

    [Fact]
    public async Task Requests_MutatedInEveryWay_NeverFailTheGatewayAndNeverStayHeld()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var rounds = Environment.GetEnvironmentVariable("CM_TEST_LONG") == "1" ? 20_000 : 500;
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var key = await rig.KeyAsync(policy: new Client.PolicyDocument { MaxCostPerRequest = Client.MoneyLimit.Unlimited });
        var passed = 0;
        for (var i = 0; i < rounds; i++)
        {
            using var request = Request(random, key, out var text);
            HttpResponseMessage answer;
            try
            {
                answer = await rig.Http.SendAsync(request);
            }
            catch (HttpRequestException e) when (e.Message.Contains("header", StringComparison.OrdinalIgnoreCase))
            {
                // The client itself would not send it.
                continue;
            }
            using (answer)
            {
                var body = await answer.Content.ReadAsStringAsync();
                Assert.True((int)answer.StatusCode < 500, $"seed {seed}, round {i}: {answer.StatusCode} {body}\nfor {text}\n{string.Join('\n', rig.Logs.All.TakeLast(3))}");
                passed += answer.IsSuccessStatusCode ? 1 : 0;
            }
        }
        Assert.InRange(passed, 1, rounds - 1);
        await rig.AssertBooksAsync();
        Assert.DoesNotContain(rig.Logs.All, static l => l.StartsWith("Error", StringComparison.Ordinal) || l.StartsWith("Critical", StringComparison.Ordinal));
    }

    static HttpRequestMessage Request(Random random, string key, out string text)
    {
        var body = Encoding.UTF8.GetBytes(random.Next(3) == 0 ? Fields(random) : Chat.Body(stream: random.Next(2) == 0, more: random.Next(4) == 0 ? """{"max_tokens":null,"stream_options":{"include_usage":false}}""" : null)).ToList();
        for (var mutations = random.Next(4); mutations > 0 && body.Count > 0; mutations--)
        {
            Mutate(random, body);
        }
        text = Encoding.Latin1.GetString([.. body]);
        var request = new HttpRequestMessage(HttpMethod.Post, random.Next(8) == 0 ? "/v1/chat/completions" : Chat.Path) { Content = new ByteArrayContent([.. body]) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", random.Next(20) == 0 ? Junk(random) : key);
        for (var headers = random.Next(3); headers > 0; headers--)
        {
            request.Headers.TryAddWithoutValidation(Headers[random.Next(Headers.Length)], Junk(random));
        }
        return request;
    }

    static string Fields(Random random)
    {
        var names = Names.OrderBy(_ => random.Next()).Take(random.Next(1, 6)).ToList();
        names.AddRange(random.Next(4) > 0 ? ["model", "messages"] : []);
        return "{" + string.Join(',', names.Select(n => $"\"{n}\":" + (n switch
        {
            "model" when random.Next(4) > 0 => "\"gpt-4o-mini\"",
            "messages" when random.Next(4) > 0 => Values[22],
            _ => Values[random.Next(Values.Length)],
        }))) + "}";
    }

    static void Mutate(Random random, List<byte> body)
    {
        var at = random.Next(body.Count);
        switch (random.Next(6))
        {
            case 0:
                body[at] = (byte)random.Next(256);
                break;
            case 1:
                body.RemoveAt(at);
                break;
            case 2:
                body.Insert(at, (byte)"\"\\{}[],:0e-.\u007f "[random.Next(14)]);
                break;
            case 3:
                body.RemoveRange(at, random.Next(body.Count - at));
                break;
            case 4:
                body.InsertRange(at, body.GetRange(at, random.Next(Math.Min(40, body.Count - at))));
                break;
            default:
                body.InsertRange(at, Encoding.UTF8.GetBytes(Values[random.Next(Values.Length)]));
                break;
        }
    }

    static string Junk(Random random) => random.Next(7) switch
    {
        0 => "",
        1 => new string('x', random.Next(3000)),
        2 => "käse 👍 你好",
        3 => "a=b,c=d",
        4 => "\"quoted;=,",
        5 => random.NextInt64().ToString(CultureInfo.InvariantCulture),
        _ => "cm_sk_" + random.Next(),
    };
}
