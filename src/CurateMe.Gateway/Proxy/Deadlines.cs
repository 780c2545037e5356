using System.Collections.Concurrent;

namespace CurateMe.Gateway.Proxy;

/// <summary>Time-outs whose sources are used again, since nearly every call ends before its own.</summary>
sealed class Deadlines
{
    const int MostKept = 1024;

    readonly ConcurrentQueue<CancellationTokenSource> kept = new();

    public CancellationTokenSource Start(TimeSpan after)
    {
        var source = kept.TryDequeue(out var used) ? used : new CancellationTokenSource();
        source.CancelAfter(after);
        return source;
    }

    public void Return(CancellationTokenSource source)
    {
        if (kept.Count < MostKept && source.TryReset())
        {
            kept.Enqueue(source);
        }
        else
        {
            source.Dispose();
        }
    }
}
