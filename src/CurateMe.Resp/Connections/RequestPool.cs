using System.Collections.Concurrent;

namespace CurateMe.Resp;

/// <summary>Ended requests, to be used again; at most <see cref="MaxKept"/>.</summary>
internal sealed class RequestPool
{
    private const int MaxKept = 1 << 10;

    private readonly ConcurrentQueue<RespRequest> _kept = new();
    private int _count;

    public RespRequest Rent()
    {
        if (!_kept.TryDequeue(out var request))
            return new();
        Interlocked.Decrement(ref _count);
        return request;
    }

    public void Return(RespRequest request)
    {
        if (Volatile.Read(ref _count) >= MaxKept)
            return;
        Interlocked.Increment(ref _count);
        _kept.Enqueue(request);
    }
}
