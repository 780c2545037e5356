namespace CurateMe.Testing;

/// <summary>Waiting for what other threads do.</summary>
internal static class Poll
{
    static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <exception cref="TimeoutException">It did not come true in 30 seconds.</exception>
    internal static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), what);

    /// <exception cref="TimeoutException">It did not come true in 30 seconds.</exception>
    internal static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > Limit) throw new TimeoutException($"Waited in vain: {what}");
            await Task.Delay(5);
        }
    }
}
