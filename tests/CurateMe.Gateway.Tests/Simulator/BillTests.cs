using System.Text.Json;
using CurateMe.Gateway.Simulator;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

public sealed class BillTests
{
    static BillEntry Entry(string id = "gw_1") => new() { Provider = "p", Model = "m", Operation = "o", RequestId = id, Units = new BillCounts { PromptTokens = 3, CompletionTokens = 2 } };

    [Fact]
    public void Charge_BeyondTheMaximum_SaysFullAndKeepsNoMore()
    {
        using var bill = new Bill(max: 3);
        for (var i = 0; i < 5; i++)
            bill.Charge(Entry());
        var totals = bill.Totals();
        Assert.True(totals.Full);
        Assert.Equal(3, totals.Entries);
        Assert.Equal(3, bill.Entries.Count);
        Assert.Equal(9, Assert.Single(totals.Totals).Units.PromptTokens);
    }

    [Fact]
    public void Page_SinceASequence_GoesOnWithoutGapsAlsoAfterClearing()
    {
        using var bill = new Bill();
        for (var i = 0; i < 5; i++)
            bill.Charge(Entry());
        var first = bill.Page(0, 2);
        Assert.Equal([1L, 2L], first.Data.Select(entry => entry.Sequence));
        Assert.True(first.HasMore);
        var rest = bill.Page(first.NextSince, 100);
        Assert.Equal([3L, 4L, 5L], rest.Data.Select(entry => entry.Sequence));
        Assert.False(rest.HasMore);
        bill.Clear();
        bill.Charge(Entry());
        Assert.Equal([6L], bill.Page(rest.NextSince, 100).Data.Select(entry => entry.Sequence));
        Assert.Equal(1, bill.Totals().Entries);
    }

    [Fact]
    public void File_OpenedAgainAfterATornLine_GoesOnCounting()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (var bill = new Bill(path))
            {
                bill.Charge(Entry("a"));
                bill.Charge(Entry("b"));
                Assert.Equal(2, File.ReadAllLines(path).Length);
            }
            File.AppendAllText(path, "{\"sequence\":3,\"prov");
            using (var bill = new Bill(path))
            {
                bill.Charge(Entry("c"));
                Assert.Equal(3, Assert.Single(bill.Page(2, 10).Data).Sequence);
            }
            Assert.Equal(["a", "b", "c"], File.ReadAllLines(path).Select(line => BillEntry.Parse(line).RequestId));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void None_KeepsNothing()
    {
        using var bill = new Bill("none");
        bill.Charge(Entry());
        Assert.Empty(bill.Entries);
    }

    [Fact]
    public void Counts_InUnitsOfThePriceList_AreDisjointAndSumUp()
    {
        var counts = new BillCounts { PromptTokens = 100, CacheReadTokens = 20, CacheWrite5mTokens = 5, CacheWrite1hTokens = 6, AudioPromptTokens = 7, CompletionTokens = 50, ReasoningTokens = 30, AudioMilliseconds = 1001 }.ToUsageCounts();
        Assert.Equal(100, counts.PromptTokens);
        Assert.Equal(50, counts.CompletionTokens);
        Assert.Equal(62, counts[CurateMe.Ledger.Pricing.BilledUnit.InputToken]);
        Assert.Equal(2, counts[CurateMe.Ledger.Pricing.BilledUnit.InputSecond]);
    }

    [Fact]
    public async Task Endpoint_ReadsTotalsAndClears()
    {
        await using var simulator = await SimulatorClient.StartAsync();
        await simulator.Json(SimulatorClient.ChatPath, SimulatorClient.Chat, id: "gw_A");
        await simulator.Json(SimulatorClient.ChatPath, SimulatorClient.Chat, id: "gw_B");
        var page = await simulator.Get("_sim/bill?since=1&limit=10");
        var line = Assert.Single(page.GetProperty("data").EnumerateArray());
        Assert.Equal("gw_B", line.GetProperty("request_id").GetString());
        Assert.Equal(40, line.GetProperty("units").GetProperty("completion_tokens").GetInt32());
        Assert.Equal(2, (await simulator.Get("_sim/bill/totals")).GetProperty("entries").GetInt32());
        using (await simulator.Send("_sim/bill", "", method: HttpMethod.Delete)) { }
        Assert.Empty(simulator.Bill.Entries);
    }

    [Fact]
    public async Task Plain_CallerLeavesDuringGeneration_IsBilledInFull()
    {
        await using var simulator = await SimulatorClient.StartAsync();
        using var leaving = new CancellationTokenSource();
        var call = simulator.Send(SimulatorClient.ChatPath, SimulatorClient.Chat, "latency_ms=1000", "gw_left", ct: leaving.Token);
        await simulator.Waiting(1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        var lines = await simulator.Billed(1);
        Assert.Equal(("gw_left", false, 40), (lines[0].RequestId, lines[0].Cancelled, lines[0].Units.CompletionTokens));
    }

    [Fact]
    public async Task Stream_CallerLeaves_IsBilledForWhatWasMadeUntilItWasNoticed()
    {
        await using var simulator = await SimulatorClient.StartAsync();
        using (var response = await simulator.Send(SimulatorClient.ChatPath, SimulatorClient.ChatStream, "chunk_delay_ms=20; output_tokens=5000", "gw_left"))
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            var buffer = new byte[4096];
            for (var read = 0; read < 2000;)
                read += await body.ReadAsync(buffer);
        }
        var line = (await simulator.Billed(1))[0];
        Assert.True(line.Cancelled);
        Assert.InRange(line.Units.CompletionTokens, 1, 4_999);
        Assert.True(line.Units.PromptTokens > 0);
    }

    [Theory]
    [InlineData(SimulatorClient.ChatPath, SimulatorClient.ChatStream)]
    [InlineData("openai/v1/responses", """{"model":"gpt-4o","input":"x","stream":true}""")]
    [InlineData("anthropic/v1/messages", """{"model":"claude-sonnet-4-5","max_tokens":300,"stream":true,"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("google/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse", """{"contents":[{"parts":[{"text":"x"}]}]}""")]
    public async Task Streams_LeftAtAnyByte_HaveOneLineEachOfAtMostWhatWasAsked(string path, string body)
    {
        const int Calls = 24;
        const int Seed = 7;
        var random = new Random(Seed);
        var leaveAt = Enumerable.Range(0, Calls).Select(_ => random.Next(40_000)).ToArray();
        await using var simulator = await SimulatorClient.StartAsync();
        var ended = await Task.WhenAll(leaveAt.Select((bytes, call) => ReadUpTo(simulator, path, body, bytes, $"gw_{call}")));
        await simulator.Billed(Calls);
        for (var call = 0; call < Calls; call++)
        {
            var line = Assert.Single(simulator.Bill.For($"gw_{call}"));
            Assert.True(!ended[call] || (!line.Cancelled && line.Units.CompletionTokens == 200), $"seed {Seed}, call {call}: {line}");
            Assert.True(line.Cancelled ? line.Units.CompletionTokens < 200 : line.Units.CompletionTokens == 200, $"seed {Seed}, call {call}: {line}");
        }
        Assert.True(simulator.Bill.Entries.Any(line => line.Cancelled), $"seed {Seed}: nobody left early");
    }

    /// <summary>True when the stream ended before so many bytes.</summary>
    static async Task<bool> ReadUpTo(SimulatorClient simulator, string path, string body, int bytes, string id)
    {
        using var response = await simulator.Send(path, body, "chunk_delay_ms=2; output_tokens=200", id);
        await using var stream = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[1024];
        for (int read = 0, got; read < bytes; read += got)
        {
            got = await stream.ReadAsync(buffer);
            if (got == 0)
                return true;
        }
        return false;
    }

    [Fact]
    public async Task Stream_ReadToItsEnd_IsOnTheBillBeforeItsEndIsSeen()
    {
        await using var simulator = await SimulatorClient.StartAsync();
        var events = SimulatorClient.Events(await simulator.Text(SimulatorClient.ChatPath, SimulatorClient.ChatStream, id: "gw_whole"));
        var line = Assert.Single(simulator.Bill.For("gw_whole"));
        Assert.False(line.Cancelled);
        Assert.Equal(events[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32(), line.Units.CompletionTokens);
    }

    [Theory]
    [InlineData("status=500", 0)]
    [InlineData("status=429; retry_after=7", 0)]
    [InlineData("fail=connect_reset_before_headers", 0)]
    [InlineData("fail=connect_reset_before_headers; bill=full", 1)]
    [InlineData("fail=reset_after_headers", 1)]
    [InlineData("fail=cut_after_bytes:10", 1)]
    [InlineData("fail=malformed_json", 1)]
    [InlineData("usage=absent", 1)]
    [InlineData("usage=zero", 1)]
    [InlineData("usage=absent; bill=none", 0)]
    public async Task Plain_WhateverIsTold_IsBilledByTheRule(string sim, int lines)
    {
        await using var simulator = await SimulatorClient.StartAsync();
        try
        {
            using var response = await simulator.Send(SimulatorClient.ChatPath, SimulatorClient.Chat, sim, until: HttpCompletionOption.ResponseContentRead);
        }
        catch (HttpRequestException e)
        {
            Assert.Contains("fail=", sim, StringComparison.Ordinal);
            Assert.NotNull(e.InnerException);
        }
        var bill = await simulator.Billed(lines);
        Assert.All(bill, line => Assert.Equal((40, false), (line.Units.CompletionTokens, line.Cancelled)));
    }
}
