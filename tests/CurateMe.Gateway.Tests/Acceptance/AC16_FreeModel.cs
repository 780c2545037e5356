using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC16_FreeModel
{
    [Theory]
    [InlineData("/v1/ollama/chat/completions", "llama3.2")]
    [InlineData("/v1/chat/completions", "ollama/llama3.2")]
    public async Task Budget_Spent_AFreeModelIsServedAndRecordedAtNothing(string path, string model)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero), MonthlyBudget = new MoneyLimit(NanoUsd.Zero), MaxCostPerRequest = new MoneyLimit(NanoUsd.Zero) });
        Assert.Equal(403, (await rig.AskAsync(key)).Status);

        foreach (var stream in new[] { false, true })
        {
            var answer = await rig.AskAsync(key, Chat.Body(cap: null, stream: stream, model: model), path: path);
            Assert.True(answer.Status == 200 && answer.Cost == NanoUsd.Zero, answer.ToString());
        }
        var records = await rig.AssertBooksAsync();
        Assert.Equal(2, records.Count);
        Assert.All(records, static r => Assert.Equal((NanoUsd.Zero, RecordStatus.Settled, "ollama", "llama3.2"), (r.Cost, r.Status, r.Provider, r.Model)));
        Assert.All(records, static r => Assert.True(r.Usage.CompletionTokens > 0));
    }
}
