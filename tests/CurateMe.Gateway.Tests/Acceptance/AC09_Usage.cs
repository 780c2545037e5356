using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC09_Usage
{
    // What the provider says, whether streamed, and what becomes of it.
    [Theory]
    [InlineData("normal", false, UsageSource.Provider)]
    [InlineData("normal", true, UsageSource.Provider)]
    [InlineData("twice", true, UsageSource.Provider)]
    [InlineData("with_choices", true, UsageSource.Provider)]
    [InlineData("cumulative", true, UsageSource.Provider)]
    [InlineData("absent", false, UsageSource.Estimated)]
    [InlineData("absent", true, UsageSource.Estimated)]
    [InlineData("null", false, UsageSource.Estimated)]
    [InlineData("null", true, UsageSource.Estimated)]
    [InlineData("malformed", false, UsageSource.Estimated)]
    [InlineData("malformed", true, UsageSource.Estimated)]
    [InlineData("string_numbers", false, UsageSource.Estimated)]
    [InlineData("string_numbers", true, UsageSource.Estimated)]
    [InlineData("float_numbers", true, UsageSource.Estimated)]
    [InlineData("negative", false, UsageSource.Estimated)]
    [InlineData("negative", true, UsageSource.Estimated)]
    [InlineData("huge", false, UsageSource.Estimated)]
    [InlineData("huge", true, UsageSource.Estimated)]
    [InlineData("exponent", false, UsageSource.Estimated)]
    [InlineData("exponent", true, UsageSource.Estimated)]
    [InlineData("nan", false, UsageSource.Estimated)]
    [InlineData("nan", true, UsageSource.Estimated)]
    public async Task Usage_InAnyForm_HasItsRule(string form, bool stream, UsageSource source)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var answer = await rig.AskAsync(key, Chat.Body(200, stream), $"usage={form};output_tokens=120");

        Assert.True(answer.Status == 200, answer.ToString());
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal(source, record.Source);
        Assert.Equal(RecordStatus.Settled, record.Status);
        if (source == UsageSource.Estimated)
        {
            Assert.True(record.Cost > NanoUsd.Zero && record.Cost <= record.Hold, $"{record.Cost} of {record.Hold}");
        }
        // Whoever did not ask for usage sees no event of it.
        Assert.True(!stream || form is "with_choices" or "cumulative" or "null" || !answer.Text.Contains("\"choices\":[]", StringComparison.Ordinal), answer.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Usage_Zero_IsZero(bool stream)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(20, stream), "usage=zero;bill=none")).Status);

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((UsageSource.Provider, NanoUsd.Zero), (record.Source, record.Cost));
    }

    [Theory]
    [InlineData("absent", false)]
    [InlineData("absent", true)]
    [InlineData("negative", true)]
    public async Task Usage_Unusable_PolicyHold_ChargesTheHold(string form, bool stream)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { OnMissingUsage = OnMissingUsage.Hold });

        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(20, stream), $"usage={form}")).Status);

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((UsageSource.Presumed, record.Hold), (record.Source, record.Cost));
    }

    [Fact]
    public async Task Usage_ClientAskedForIt_GetsIt()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var answer = await rig.AskAsync(key, Chat.Body(stream: true, more: """{"stream_options":{"include_usage":true}}"""));

        Assert.Contains("\"choices\":[],\"usage\":{", answer.Text, StringComparison.Ordinal);
        await rig.AssertBooksAsync();
    }
}
