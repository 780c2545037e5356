using CurateMe.Gateway.Governance;
using CurateMe.Client;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Tells a hold what the provider's answer means for the bill:
/// usage that the provider gave is charged as it is; where it gave none that can be used, policy <c>on_missing_usage</c> decides between an
/// estimate from the bytes that passed, never above the hold, and the whole hold. The whole hold, too, where the usage is not all that is billed.
/// </summary>
static class Settlement
{
    // English takes about four bytes for a token, most other scripts about three.
    const int BytesPerToken = 3;

    public static void Apply(Hold hold, RequestFacts facts, in MeterReading reading, ModelPrice price, OrgPolicy policy, RecordStatus status, ServiceTier autoTier)
    {
        hold.Record.Tier = reading.Tier ?? (facts.TierIsAuto ? autoTier : facts.Tier);
        var variant = reading.ImageVariant ?? facts.ImageVariant;
        // Usage told on the way of a stream that then broke is not yet the bill.
        if (reading.Unmetered)
        {
            hold.Presumed(status);
        }
        else if (reading.Known && (reading.Final || status is RecordStatus.Settled or RecordStatus.ClientLeft))
        {
            var usage = reading.Usage;
            facts.AddFees(price, ref usage);
            Bill(hold, in usage, price, UsageSource.Provider, status, variant);
        }
        else if (policy.OnMissingUsage == OnMissingUsage.Hold)
        {
            hold.Presumed(status);
        }
        else
        {
            Bill(hold, Estimate(facts, in reading, price), price, UsageSource.Estimated, status, variant);
        }
    }

    static void Bill(Hold hold, in UsageCounts usage, ModelPrice price, UsageSource source, RecordStatus status, string? variant)
    {
        try
        {
            hold.Billed(in usage, price, source, status, variant);
        }
        catch (OverflowException)
        {
            // Counts beyond any amount of money are no usage; the answer itself is whole, so only the charge is in doubt.
            hold.Presumed(status);
        }
    }

    static UsageCounts Estimate(RequestFacts facts, in MeterReading reading, ModelPrice price)
    {
        var passed = Math.Min(Tokens(reading.OutputBytes), facts.OutputCap * facts.Choices ?? long.MaxValue);
        UsageCounts usage;
        if (reading.InputKnown)
        {
            usage = reading.Usage;
            usage[BilledUnit.OutputToken] = Math.Min(UsageCounts.MaxCount, usage[BilledUnit.OutputToken] + Math.Max(0, passed - usage.CompletionTokens));
            facts.AddFees(price, ref usage);
            return usage;
        }
        usage = facts.Input;
        facts.AddEstimates(price, ref usage);
        usage[BilledUnit.InputToken] = Tokens(facts.Input[BilledUnit.InputToken]);
        usage[BilledUnit.ImageInputToken] += (long)facts.Images * price.MaxTokensPerImage;
        usage[BilledUnit.OutputToken] = passed;
        return usage;
    }

    static long Tokens(long bytes) => (bytes + BytesPerToken - 1) / BytesPerToken;
}
