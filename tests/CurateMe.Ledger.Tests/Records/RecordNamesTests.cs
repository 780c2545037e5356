using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public sealed class RecordNamesTests
{
    [Fact]
    public void Names_AreFrozen()
    {
        Assert.Equal("held,settled,client_left,upstream_broken,abandoned,expired,failed", string.Join(',', Enum.GetValues<RecordStatus>().Select(RecordNames.Name)));
        Assert.Equal("provider,estimated,presumed", string.Join(',', Enum.GetValues<UsageSource>().Select(RecordNames.Name)));
        Assert.Equal("standard,flex,priority,batch,fast", string.Join(',', Enum.GetValues<ServiceTier>().Select(RecordNames.Name)));
    }

    [Fact]
    public void TryParse_EveryName_GivesItsValue()
    {
        Assert.All(Enum.GetValues<RecordStatus>(), value => Assert.True(RecordNames.TryParse(value.Name(), out RecordStatus read) && read == value));
        Assert.All(Enum.GetValues<UsageSource>(), value => Assert.True(RecordNames.TryParse(value.Name(), out UsageSource read) && read == value));
        Assert.All(Enum.GetValues<ServiceTier>(), value => Assert.True(RecordNames.TryParse(value.Name(), out ServiceTier read) && read == value));
        Assert.False(RecordNames.TryParse("Settled", out RecordStatus _));
        Assert.False(RecordNames.TryParse(null, out UsageSource _));
    }
}
