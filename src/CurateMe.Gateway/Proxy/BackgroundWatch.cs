using System.Collections.Concurrent;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>A generation that goes on at the provider after its request was answered.</summary>
sealed record BackgroundCall(Hold Hold, RequestFacts Facts, Target Target, OrgPolicy Policy, string? ProviderKey, string Id, Dialect Dialect, BudgetPath Path);

/// <summary>
/// Asks the provider for the end of generations in the background, whether or not the caller ever does, and settles them. One that does not end
/// within the hold's time is presumed. When the process stops, the journal keeps the open holds and the next start presumes them.
/// </summary>
sealed class BackgroundWatch(ForwardOptions options, BudgetSignals signals, TimeProvider time) : BackgroundService
{
    static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    /// <summary>Largest stored answer that is read, in bytes.</summary>
    const int MaxAnswer = 64 << 20;

    readonly CancellationTokenSource stopping = new();
    readonly ConcurrentDictionary<Task, byte> followed = new();

    /// <summary>Generations that are followed at this moment; each has a hold, which the budgets bound.</summary>
    public int Followed => followed.Count;

    /// <summary>Owns the call's hold from here on.</summary>
    public void Follow(BackgroundCall call)
    {
        var task = FollowAsync(call);
        followed[task] = 0;
        _ = task.ContinueWith(done => followed.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await stopping.CancelAsync();
        await Task.WhenAll(followed.Keys);
    }

    public override void Dispose()
    {
        stopping.Dispose();
        base.Dispose();
    }

    async Task FollowAsync(BackgroundCall call)
    {
        await Task.Yield();
        try
        {
            await FollowToItsEndAsync(call);
        }
        finally
        {
            signals.OnSettled(call.Path, call.Hold.Record.Day);
        }
    }

    async Task FollowToItsEndAsync(BackgroundCall call)
    {
        var end = call.Hold.Record.Timestamp + options.TotalTimeout;
        for (var wait = FirstWait; time.GetUtcNow() < end; wait = wait * 1.5 < LongestWait ? wait * 1.5 : LongestWait)
        {
            await Task.Delay(wait, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stopping.IsCancellationRequested)
            {
                // Neither ended nor forgotten: the journal has it.
                return;
            }
            if (await AskAsync(call) is { } meter && !meter.Reading.Pending)
            {
                await using var hold = call.Hold;
                Settlement.Apply(hold, call.Facts, in meter.Reading, call.Target.Price, call.Policy, RecordStatus.Settled, call.Target.Upstream.Row.AutoTier);
                return;
            }
        }
        await using var lost = call.Hold;
        lost.Presumed(RecordStatus.Abandoned);
    }

    // Null when the provider did not say; it is asked again.
    async Task<UsageMeter?> AskAsync(BackgroundCall call)
    {
        var row = call.Target.Upstream.Row;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{row.BaseUrl}/responses/{Uri.EscapeDataString(call.Id)}{(row.ApiVersion is null ? "" : $"?api-version={row.ApiVersion}")}");
            if (call.ProviderKey is not null)
            {
                request.Headers.TryAddWithoutValidation(row.AuthHeader, row.AuthPrefix + call.ProviderKey);
            }
            using var answer = await call.Target.Upstream.SendAsync(request, stopping.Token);
            if (!answer.IsSuccessStatusCode)
            {
                return null;
            }
            using var plain = await PlainAnswer.ReadAsync(answer, MaxAnswer, stopping.Token);
            var meter = call.Dialect.Meter(call.Facts, row, call.Target.Price);
            meter.ReadPlain(plain.Memory.Span);
            return plain.Complete ? meter : null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or Polly.CircuitBreaker.BrokenCircuitException)
        {
            return null;
        }
    }
}
