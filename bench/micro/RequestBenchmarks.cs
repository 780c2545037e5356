using System.Text;
using BenchmarkDotNet.Attributes;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Providers;
using CurateMe.Gateway.Providers.OpenAi;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;
using Microsoft.AspNetCore.Http;

namespace CurateMe.Bench.Micro;

/// <summary>The steps of a chat completion that look at bytes: reading the request, the quote, reading the usage of an answer and of a stream's event.</summary>
[MemoryDiagnoser]
[Config(typeof(InThisProcess))]
public class RequestBenchmarks
{
    static readonly byte[] Small =
        """{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You answer briefly."},{"role":"user","content":"Say hello to the finance team."}],"max_tokens":16}"""u8.ToArray();

    static readonly byte[] Answer =
        """
        {"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"Hello to everyone in finance."},"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":7,"total_tokens":31,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default"}
        """u8.ToArray();

    static readonly byte[] Event =
        """{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","choices":[{"index":0,"delta":{"content":" everyone"},"finish_reason":null}],"usage":null}"""u8.ToArray();

    readonly ChatDialect dialect = new();
    readonly HttpRequest request = new DefaultHttpContext().Request;
    readonly ProviderRow row = ProviderRows.BuiltIn.First(static r => r.Name == "openai");
    readonly ModelPrice price = PriceList.BuiltIn.Find("openai", "gpt-4o-mini")!;
    byte[] large = [];
    RequestFacts facts = null!;
    UsageMeter stream = null!;

    [GlobalSetup]
    public void Setup()
    {
        large = Encoding.UTF8.GetBytes($$"""{"model":"gpt-4o-mini","max_tokens":16,"messages":[{"role":"user","content":"{{string.Concat(Enumerable.Repeat("A line of a long report.\\n", 4_000))}}"}]}""");
        facts = dialect.Read(Small, request);
        stream = dialect.Meter(facts, row, price);
    }

    [Benchmark]
    public object ReadRequest() => dialect.Read(Small, request);

    /// <summary>100 kB of text.</summary>
    [Benchmark]
    public object ReadLongRequest() => dialect.Read(large, request);

    [Benchmark]
    public long Price() => Quote.Of(facts, price).With(16).Value;

    [Benchmark]
    public bool MeterAnswer()
    {
        var meter = dialect.Meter(facts, row, price);
        meter.ReadPlain(Answer);
        return meter.Reading.Known;
    }

    [Benchmark]
    public bool MeterEvent() => stream.ReadEvent(Event);
}
