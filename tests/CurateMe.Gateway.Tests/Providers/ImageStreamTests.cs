using CurateMe.Client;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>What a stream of pictures is charged: each picture brings usage of its own, or that of all so far.</summary>
public sealed class ImageStreamTests
{
    [Theory]
    [InlineData("each its own", new[] { 1_056, 1_056, 1_056 }, 3_168)]
    [InlineData("each its own, of other sizes", new[] { 1_056, 1_584, 1_056 }, 3_696)]
    [InlineData("all so far", new[] { 1_056, 2_112, 3_168 }, 3_168)]
    [InlineData("all at the end", new[] { 3_168 }, 3_168)]
    public async Task AC09_StreamOfSeveralPictures_IsChargedForAll(string told, int[] tokens, int charged)
    {
        var (record, price) = await RecordAsync(tokens, whole: true);

        var usage = default(UsageCounts);
        usage[BilledUnit.ImageOutputToken] = charged;
        var made = price.Cost(in usage, ServiceTier.Standard).CeilToNano();
        Assert.True((UsageSource.Provider, charged) == (record.Source, record.Usage[BilledUnit.ImageOutputToken]), $"{told}: {record.Source} {record.Usage}");
        Assert.InRange(record.Cost.Value, made.Value, record.Hold.Value);
    }

    [Fact]
    public async Task AC09_StreamThatBreaksOffBeforeTheLastPicture_IsChargedByWhatThePicturesMayCost()
    {
        var (record, price) = await RecordAsync([1_056], whole: false);

        var most = default(UsageCounts);
        most[BilledUnit.ImageOutputToken] = 3 * 1_056;
        Assert.Equal((RecordStatus.UpstreamBroken, UsageSource.Estimated), (record.Status, record.Source));
        Assert.InRange(record.Cost.Value, price.Cost(in most, ServiceTier.Standard).CeilToNano().Value, record.Hold.Value);
    }

    static async Task<(UsageRecord Record, ModelPrice Price)> RecordAsync(int[] tokens, bool whole)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(100)) });
        var events = string.Concat(tokens.Select(static t => $"data: {{\"type\":\"image_generation.completed\",\"b64_json\":\"AAAA\",\"usage\":{{\"input_tokens\":9,\"output_tokens\":{t}}}}}\n\n"));
        upstream.Answer(events, type: "text/event-stream", length: whole ? null : events.Length + 1_000);

        var request = rig.AskAsync(key, """{"model":"gpt-image-1","prompt":"a cat","n":3,"quality":"medium","stream":true}""", path: "/v1/images/generations");
        if (whole)
        {
            Assert.Equal(200, (await request).Status);
        }
        else
        {
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => request);
        }
        return (await rig.RecordAsync(), rig.Prices.Find("openai", "gpt-image-1")!);
    }
}
