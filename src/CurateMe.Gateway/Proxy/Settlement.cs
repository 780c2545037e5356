using CurateMe.Gateway.Governance;
using CurateMe.Client;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Tells a hold what the provider's answer means for the bill:
/// usage that the provider gave is charged as it is; where it gave none that can be used, policy <c>on_missing_usage</c> decides between an
/// estimate from the bytes that passed, never above the hold, and the whole hold.
/// </summary>
static class Settlement
{
    // English takes about four bytes for a token, most other scripts about three.
    const int BytesPerToken = 3;

    public static void Apply(Hold hold, RequestFacts facts, in MeterReading reading, ModelPrice price, OrgPolicy policy, RecordStatus status)
    {
        hold.Record.Tier = reading.Tier ?? facts.Tier;
        var variant = reading.ImageVariant ?? facts.ImageVariant;
        if (reading.Known)
        {
            Bill(hold, in reading, price, status, variant);
        }
        else if (policy.OnMissingUsage == OnMissingUsage.Hold)
        {
            hold.Presumed(status);
        }
        else
        {
            hold.Billed(Estimate(facts, in reading, price), price, UsageSource.Estimated, status, variant);
        }
    }

    static void Bill(Hold hold, in MeterReading reading, ModelPrice price, RecordStatus status, string? variant)
    {
        try
        {
            hold.Billed(in reading.Usage, price, UsageSource.Provider, status, variant);
        }
        catch (OverflowException)
        {
            // Counts beyond any amount of money are no usage; the answer itself is whole, so only the charge is in doubt.
            hold.Presumed(status);
        }
    }

    static UsageCounts Estimate(RequestFacts facts, in MeterReading reading, ModelPrice price)
    {
        var usage = facts.Input;
        usage[BilledUnit.InputToken] = Tokens(facts.Input[BilledUnit.InputToken]) + ((long)facts.Images * price.MaxTokensPerImage);
        usage[BilledUnit.OutputToken] = Math.Min(Tokens(reading.OutputBytes), facts.OutputCap * facts.Choices ?? long.MaxValue);
        return usage;
    }

    static long Tokens(long bytes) => (bytes + BytesPerToken - 1) / BytesPerToken;
}
