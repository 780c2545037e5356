using System.Text;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Providers;
using CurateMe.Gateway.Providers.OpenAi;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

/// <summary>Bytes allocated by the steps that look at a request's bytes; they do not depend on the machine, so they are budgeted.</summary>
public sealed class AllocationBudgetTests
{
    const int Calls = 2000;

    readonly ChatDialect _dialect = new();
    readonly HttpRequest _request = new DefaultHttpContext().Request;
    readonly ProviderRow _row = ProviderRows.BuiltIn.First(static r => r.Name == "openai");
    readonly ModelPrice _price = PriceList.BuiltIn.Find("openai", "gpt-4o-mini")!;

    static byte[] Body(string text) => Encoding.UTF8.GetBytes($$"""{"model":"gpt-4o-mini","max_tokens":16,"messages":[{"role":"user","content":"{{text}}"}]}""");

    static long PerCall(Action action)
    {
        for (var i = 0; i < Calls; i++) action();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Calls; i++) action();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / Calls;
    }

    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    public void ReadRequest_AnyLength_AllocatesTheFactsOnly(int length)
    {
        var body = Body(new string('a', length));

        Assert.InRange(PerCall(() => _dialect.Read(body, _request)), 1, 700);
    }

    [Fact]
    public void Quote_AllocatesNothing()
    {
        var facts = _dialect.Read(Body("hello"), _request);
        var sum = NanoUsd.Zero;

        Assert.Equal(0, PerCall(() => sum = NanoUsd.Max(sum, Quote.Of(facts, _price).With(16))));
        Assert.True(sum > NanoUsd.Zero);
    }

    [Fact]
    public void MeterAnswer_AllocatesTheMeterOnly()
    {
        var facts = _dialect.Read(Body("hello"), _request);
        var answer = """{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hi."}}],"usage":{"prompt_tokens":24,"completion_tokens":7,"total_tokens":31}}"""u8.ToArray();
        var known = true;

        var bytes = PerCall(() =>
        {
            var meter = _dialect.Meter(facts, _row, _price);
            meter.ReadPlain(answer);
            known &= meter.Reading.Known;
        });

        Assert.InRange(bytes, 1, 500);
        Assert.True(known);
    }

    [Fact]
    public void MeterEvent_AllocatesNothing()
    {
        var facts = _dialect.Read(Body("hello"), _request);
        var meter = _dialect.Meter(facts, _row, _price);
        var data = """{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" everyone"},"finish_reason":null}],"usage":null}"""u8.ToArray();
        var shown = true;

        Assert.Equal(0, PerCall(() => shown &= meter.ReadEvent(data)));
        Assert.True(shown);
    }
}
