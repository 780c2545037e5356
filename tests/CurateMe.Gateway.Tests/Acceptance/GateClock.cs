namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>A provider's clock whose timers all wait for one gate: calls with a latency stay in flight until it is opened.</summary>
sealed class GateClock : TimeProvider
{
    readonly Lock gate = new();
    readonly List<Waiting> waiting = [];
    bool open;

    public void Open()
    {
        List<Waiting> all;
        lock (gate)
        {
            open = true;
            all = [.. waiting];
            waiting.Clear();
        }
        all.ForEach(static w => w.Fire());
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Waiting(callback, state);
        lock (gate)
        {
            if (!open)
            {
                waiting.Add(timer);
                return timer;
            }
        }
        ThreadPool.QueueUserWorkItem(static t => t.Fire(), timer, preferLocal: false);
        return timer;
    }

    sealed class Waiting(TimerCallback callback, object? state) : ITimer
    {
        int done;

        public void Fire()
        {
            if (Interlocked.Exchange(ref done, 1) == 0)
            {
                callback(state);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;
        public void Dispose() => Interlocked.Exchange(ref done, 1);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
