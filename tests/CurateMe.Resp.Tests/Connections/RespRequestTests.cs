using Xunit;

namespace CurateMe.Resp.Tests.Connections;

public sealed class RespRequestTests
{
    private static readonly RespScript Script = new("one", "return 1");

    [Fact]
    public async Task Request_UsedAgain_AllocatesNothing()
    {
        await using var client = RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"));
        var allocated = Measure(client);
        Assert.True(allocated == 0, $"{allocated} bytes for 1000 commands");
    }

    [Fact]
    public async Task Request_EndedByOthers_IsNotUsedAgainAndIgnoresItsReply()
    {
        await using var client = RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"));
        var request = client.Requests.Rent();
        request.Encode(client, Script, [], []);
        var task = request.Task;
        request.End(new RespOutcomeUnknownException("late"));
        request.Succeed(RespReply.Ok);
        await Assert.ThrowsAsync<RespOutcomeUnknownException>(async () => await task);
        Assert.NotSame(request, client.Requests.Rent());
    }

    [Fact]
    public async Task Request_Answered_IsUsedAgain()
    {
        await using var client = RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"));
        var request = client.Requests.Rent();
        request.Encode(client, Script, [], []);
        var task = request.Task;
        request.Succeed(RespReply.Ok);
        Assert.True((await task).IsOk);
        Assert.Same(request, client.Requests.Rent());
        Assert.False(request.IsDone);
        Assert.True(request.Command.IsEmpty);
    }

    private static long Measure(RespClient client)
    {
        Use(client, times: 100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Use(client, times: 1000);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static void Use(RespClient client, int times)
    {
        for (var i = 0; i < times; i++)
        {
            var request = client.Requests.Rent();
            request.Encode(client, Script, ["k1", "k2", "k3"], [1, long.MaxValue, "text"]);
            var task = request.Task;
            request.Succeed(RespReply.OfInteger(i));
#pragma warning disable CA2012 // it is complete, and read once
            if (task.GetAwaiter().GetResult().AsInt64() != i)
                throw new InvalidOperationException("another's reply");
#pragma warning restore CA2012
        }
    }
}
