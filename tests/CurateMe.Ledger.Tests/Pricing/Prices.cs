using System.Text;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Ledger.Tests.Pricing;

/// <summary>Price lists written in a test: the smallest valid row, with fields replaced or added.</summary>
static class Prices
{
    internal const string Row = """
        { "provider": "acme", "model": "m1", "mode": "chat", "source": "https://acme.test/prices", "as_of": "2026-08-06",
          "prices": { "per_million_tokens": { "input": 1, "output": 2 } } }
        """;

    internal static string File(params string[] rows) => $$"""{ "models": [ {{string.Join(",", rows)}} ] }""";

    internal static PriceList Load(params string[] files) =>
        PriceList.Load(files.Select((json, index) => ($"file{index + 1}.json", (Stream)new MemoryStream(Encoding.UTF8.GetBytes(json)))));

    internal static ModelPrice One(string row) => Load(File(row)).Find("acme", "m1")!;

    internal static ModelPrice WithPrices(string prices, string rest = "") => One($$"""
        { "provider": "acme", "model": "m1", "mode": "chat", "source": "https://acme.test/prices", "as_of": "2026-08-06", "prices": {{prices}}{{rest}} }
        """);

    internal static UsageCounts Usage(params (BilledUnit Unit, long Count)[] counts)
    {
        var usage = default(UsageCounts);
        foreach (var (unit, count) in counts) usage[unit] = count;
        return usage;
    }
}
