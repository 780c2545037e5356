using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using CurateMe.Client;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Where the other parts of the gateway say that something happened. Saying it does not wait and does not throw: it is stored soon after, and while the store
/// is away it waits in memory. What makes an event unique is its claim, which the store gives to one replica only; claims this process has already made are
/// remembered, so that saying the same again costs a look into memory.
/// </summary>
sealed class AlertDesk(IAlertStore store, AlertMetrics metrics, TimeProvider time, ErrorEvents errors)
{
    /// <summary>Most events that wait for the store; further ones are lost and counted as the error <c>alerts_lost</c>.</summary>
    public const int MaxWaiting = 10_000;

    /// <summary>Most claims remembered; the store remembers all of them.</summary>
    public const int MaxRemembered = 50_000;

    static readonly TimeSpan RetryFrom = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan RetryTo = TimeSpan.FromSeconds(30);

    readonly ConcurrentDictionary<string, bool> remembered = new(StringComparer.Ordinal);
    readonly Channel<AlertEvent> waiting = Channel.CreateBounded<AlertEvent>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });

    long lastMs;

    /// <summary>Called after an event was stored that is new.</summary>
    public event Action? Stored;

    public static string NewId(string prefix, DateTimeOffset now) => string.Concat(prefix, RequestId.New(now).ToString().AsSpan(3));

    /// <summary>Whether this process has made the claim already.</summary>
    public bool Knows(string claim) => remembered.ContainsKey(claim);

    /// <param name="orgId">Null when it concerns no single org.</param>
    /// <param name="subject">What it is about, e.g. <c>key:ID</c>.</param>
    /// <param name="claim">What makes it this event and no other; kinds of events need not be told apart by it.</param>
    /// <param name="data">Figures and ids, never content or secrets.</param>
    public void Raise(AlertType type, string? orgId, string subject, string claim, JsonObject data)
    {
        claim = $"{Choice.Word(type)}:{orgId}:{claim}";
        if (remembered.Count >= MaxRemembered)
        {
            remembered.Clear();
        }
        if (!remembered.TryAdd(claim, true))
        {
            return;
        }
        var now = Next();
        if (!waiting.Writer.TryWrite(new AlertEvent(NewId("evt_", now), orgId, Choice.Word(type), subject, now, claim, data.ToJsonString())))
        {
            remembered.TryRemove(claim, out _);
            errors.Add("gateway", "alerts_lost", $"{Choice.Word(type)} of {subject}: {MaxWaiting} events wait already for the store.");
        }
    }

    // A millisecond of its own for each, so that events sort as they were raised.
    DateTimeOffset Next()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        long last, next;
        do
        {
            last = Interlocked.Read(ref lastMs);
            next = Math.Max(now, last + 1);
        }
        while (Interlocked.CompareExchange(ref lastMs, next, last) != last);
        return DateTimeOffset.FromUnixTimeMilliseconds(next);
    }

    /// <summary>Stores what was raised, until it is cancelled; what waits then is stored as long as the store takes it at once. An event leaves the queue when it is stored.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (await waiting.Reader.WaitToReadAsync(ct))
            {
                await StoreAsync(Oldest(), ct);
                waiting.Reader.TryRead(out _);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            await StoreRestAsync();
        }
    }

    AlertEvent Oldest() => waiting.Reader.TryPeek(out var raised) ? raised : throw new InvalidOperationException("Only one reads the queue.");

    async Task StoreAsync(AlertEvent raised, CancellationToken ct)
    {
        for (var wait = RetryFrom; !await TryStoreAsync(raised, ct); wait = wait * 2 < RetryTo ? wait * 2 : RetryTo)
        {
            await Task.Delay(wait, time, ct);
        }
    }

    // A store that is away is asked once, not for each event: every call may take long, and the process is to end.
    async Task StoreRestAsync()
    {
        while (waiting.Reader.TryPeek(out var raised))
        {
            if (!await TryStoreAsync(raised, CancellationToken.None))
            {
                errors.Add("gateway", "alerts_lost", $"{waiting.Reader.Count} events waited for the store when the gateway stopped, the oldest {raised.Type} of {raised.Subject}.");
                return;
            }
            waiting.Reader.TryRead(out _);
        }
    }

    // False when it is to be tried again.
    async Task<bool> TryStoreAsync(AlertEvent raised, CancellationToken ct)
    {
        try
        {
            if (await store.RaiseAsync(raised, ct))
            {
                metrics.OnRaised(raised.Type);
                Stored?.Invoke();
            }
            return true;
        }
        catch (AlertStoreUnavailableException e)
        {
            errors.Add("gateway", "alert_store_unavailable", e.Message);
            return false;
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            // It would fail again, and all behind it would wait.
            errors.Add("gateway", "alerts_lost", $"{raised.Type} of {raised.Subject}: {e.GetType().Name}: {e.Message}");
            return true;
        }
    }
}
