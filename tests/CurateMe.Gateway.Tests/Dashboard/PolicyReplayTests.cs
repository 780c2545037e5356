using CurateMe.Client;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

public sealed class PolicyReplayTests
{
    static readonly DateTimeOffset March = new(2026, 3, 17, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(31, 0)]
    [InlineData(365, 0)]
    public void Month_OfTheSameNumberInAnotherYear_IsAnotherMonth(int daysLater, int denied)
    {
        var policy = OrgPolicy.Resolve(Tier.Enterprise, new PolicyDocument { MonthlyBudget = new MoneyLimit(NanoUsd.FromDollars(1)) });
        var replay = new PolicyReplay(policy, NanoUsd.Zero, NanoUsd.Zero, atMost: true);
        replay.Add(Record(March));
        replay.Add(Record(March.AddDays(daysLater)));
        Assert.Equal(denied, replay.Denied);
    }

    static UsageRecord Record(DateTimeOffset at) => new()
    {
        Id = RequestId.New(at),
        OrgId = "org_test",
        KeyId = "key_test",
        Provider = "openai",
        Model = "gpt-4o-mini",
        RequestedModel = "gpt-4o-mini",
        Endpoint = "chat.completions",
        Day = DateOnly.FromDateTime(at.UtcDateTime),
        Timestamp = at,
        PriceVersion = "test",
        Status = RecordStatus.Settled,
        Hold = new NanoUsd(200_000_000),
        Cost = new NanoUsd(900_000_000),
    };
}
