using CurateMe.Ledger.Errors;

namespace CurateMe.Gateway.Hosting;

/// <summary>
/// Work done beside the requests, again and again. A turn that fails, for whatever reason, is an error event and the next turn comes: such work makes
/// answers quicker or tells people of something, and must never stop the gateway.
/// </summary>
abstract class PeriodicWork(TimeSpan every, ErrorEvents errors, TimeProvider time) : BackgroundService
{
    protected ErrorEvents Errors { get; } = errors;
    protected TimeProvider Time { get; } = time;

    /// <summary>One turn.</summary>
    protected abstract Task TurnAsync(CancellationToken ct);

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(every, Time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryTurnAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    async Task TryTurnAsync(CancellationToken ct)
    {
        try
        {
            await TurnAsync(ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            Errors.Add("gateway", "background_work_failed", $"{GetType().Name}: {e.GetType().Name}: {e.Message}");
        }
    }
}
