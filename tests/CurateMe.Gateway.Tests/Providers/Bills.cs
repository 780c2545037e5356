using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>Compares the ledger with the provider's bill, call by call.</summary>
static class Bills
{
    /// <summary>What one line of the bill costs by the price list.</summary>
    public static NanoUsd CostOf(GatewayRig rig, BillEntry entry)
    {
        var price = rig.Prices.Find(entry.Provider, entry.Model) ?? throw new InvalidOperationException($"no price of {entry.Provider}/{entry.Model}");
        var tier = entry.ServiceTier switch { "flex" => ServiceTier.Flex, "priority" => ServiceTier.Priority, _ => ServiceTier.Standard };
        return price.Cost(entry.Units.ToUsageCounts(), tier, entry.Variant).CeilToNano();
    }

    /// <summary>Every record is a line of the bill with the same cost, every line has its record, nothing is above its hold, nothing is still held.</summary>
    public static async Task<IReadOnlyList<UsageRecord>> AssertEqualAsync(GatewayRig rig, string because = "")
    {
        await rig.QuietAsync();
        var records = await rig.RecordsAsync();
        var bill = rig.Simulator.Bill.Entries.ToDictionary(e => e.RequestId!, StringComparer.Ordinal);
        foreach (var record in records)
        {
            var billed = bill.Remove(record.Id.ToString(), out var entry) ? CostOf(rig, entry) : NanoUsd.Zero;
            var said = $"{because} {record.Endpoint} {record.Model} {record.Status} {record.Source}: ledger {record.Usage}, bill {entry?.Units.ToUsageCounts()}";
            Assert.True(billed == record.Cost, $"{said}; cost {record.Cost}, billed {billed}");
            Assert.True(record.Cost <= record.Hold, $"{said}; cost {record.Cost} above the hold {record.Hold}");
        }
        Assert.True(bill.Count == 0, $"{because}: billed and not recorded: {string.Join("; ", bill.Values)}");
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
        return records;
    }
}
