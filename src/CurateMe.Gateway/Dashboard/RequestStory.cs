using System.Globalization;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Dashboard;

/// <summary>Tells one request from its quote to its charge, by its record and the prices in force.</summary>
static class RequestStory
{
    public static UsageStory Of(UsageRecord record, PriceList prices)
    {
        var end = record.Timestamp.AddMilliseconds(record.LatencyMs);
        var lines = Lines(record, prices.Find(record.Provider, record.Model), out var total);
        return new UsageStory
        {
            Hold = new UsageHold(record.Timestamp, record.Hold, record.Day, Times.MonthText(record.Day), [.. CellName.Of(record).Select(static c => c.Field).Distinct(StringComparer.Ordinal)]),
            FirstByteAt = record.TtftMs > 0 ? record.Timestamp.AddMilliseconds(record.TtftMs) : null,
            End = new UsageEnd(
                end,
                record.Status switch { RecordStatus.Expired => "expired", RecordStatus.Failed => "voided", _ => "settled" },
                Choice.Word(record.Status), Choice.Word(record.Source), record.Cost,
                Released: NanoUsd.Max(NanoUsd.Zero, record.Hold - record.Cost), Overage: NanoUsd.Max(NanoUsd.Zero, record.Cost - record.Hold)),
            PricesInForce = record.PriceVersion == prices.Version,
            Lines = lines,
            LinesTotal = total,
            LinesMatch = total == record.Cost,
        };
    }

    static List<UsageLine> Lines(UsageRecord record, ModelPrice? price, out NanoUsd total)
    {
        List<UsageLine> lines = [];
        total = NanoUsd.Zero;
        if (price is null)
        {
            return lines;
        }
        var longContext = record.Usage.PromptTokens > (price.LongContextThreshold ?? long.MaxValue);
        foreach (var unit in Enum.GetValues<BilledUnit>())
        {
            if (record.Usage[unit] is > 0 and var count)
            {
                var pico = price.PicoPerUnit(unit, record.Tier, longContext);
                lines.Add(new UsageLine(unit.Name(), count, pico, PicoUsd.Of(count, pico).Value.ToString(CultureInfo.InvariantCulture)));
            }
        }
        try
        {
            total = price.Cost(in record.Usage, record.Tier).CeilToNano();
        }
        catch (OverflowException)
        {
            // Counts that no money pays for are charged at the hold; the lines do not add up then, and the answer says so.
        }
        return lines;
    }
}
