using System.Diagnostics;
using Xunit;

namespace CurateMe.Resp.Tests;

internal static class Eventually
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(Func<bool> condition, string what)
    {
        for (var waited = Stopwatch.StartNew(); !condition(); await Task.Delay(10))
            Assert.True(waited.Elapsed < Limit, $"not within {Limit.TotalSeconds} s: {what}");
    }

    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(10))
            Assert.True(waited.Elapsed < Limit, $"not within {Limit.TotalSeconds} s: {what}");
    }

    /// <summary>Repeats while the client is still reconnecting.</summary>
    public static async Task<RespReply> AnswerAsync(RespClient client, params RespArg[] words)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(10))
            try
            {
                return await client.ExecuteAsync(words);
            }
            catch (RespException) when (waited.Elapsed < Limit)
            {
                // not there yet
            }
    }
}
