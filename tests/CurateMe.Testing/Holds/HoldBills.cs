using System.Text;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Holds;

/// <summary>Bills of a model whose input token costs one nano-dollar.</summary>
internal static class HoldBills
{
    internal static ModelPrice NanoPerToken { get; } = PriceList.Load([("test.json", new MemoryStream(Encoding.UTF8.GetBytes("""
        { "models": [ { "provider": "acme", "model": "m1", "mode": "chat", "source": "https://acme.test/prices", "as_of": "2026-08-06",
          "prices": { "per_million_tokens": { "input": 0.001, "output": 0.001 } } } ] }
        """)))]).Find("acme", "m1")!;

    /// <summary>The provider bills so many nano-dollars.</summary>
    internal static void Charge(this Hold hold, long nano, UsageSource source = UsageSource.Provider, RecordStatus status = RecordStatus.Settled)
    {
        hold.Billed(new UsageCounts { [BilledUnit.InputToken] = nano }, NanoPerToken, source, status);
        hold.Record.StatusCode = 200;
    }
}
