using System.Collections.Concurrent;
using System.Text;
using CurateMe.Ledger.Budgets;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// The other gateways on the same Redis: who lives, and the channel by which they ask each other for their holds. What was seen is remembered,
/// since a flush takes the list away.
/// </summary>
public sealed class RedisReplicas : IAsyncDisposable
{
    /// <summary>How often a replica says that it lives.</summary>
    public static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>One that was silent for longer is dead or cut off.</summary>
    public static readonly TimeSpan DeadAfter = TimeSpan.FromSeconds(3);

    /// <summary>One seen within this time has its part of a budget while Redis is away.</summary>
    public static readonly TimeSpan CountedFor = TimeSpan.FromMinutes(5);

    const string Key = "gateway:replicas";
    const string Channel = "gateway:rebuild";

    readonly RespClient client;
    readonly TimeProvider time;
    readonly ConcurrentDictionary<string, long> seen = new(StringComparer.Ordinal);
    readonly CancellationTokenSource stop = new();
    readonly RespSubscription subscription;
    readonly Func<string, string, Task> onRebuild;
    Task beating = Task.CompletedTask;

    public RedisReplicas(RespClient client, string self, Func<string, string, Task> onRebuild, TimeProvider time)
    {
        (this.client, Self, this.onRebuild, this.time) = (client, self, onRebuild, time);
        subscription = client.Subscribe(Channel, Heard);
    }

    public string Self { get; }

    /// <summary>This one and those heard of within <see cref="CountedFor"/>.</summary>
    public int Count => Math.Max(1, seen.Count(s => s.Key == Self || time.GetElapsedTime(s.Value) < CountedFor) + (seen.ContainsKey(Self) ? 0 : 1));

    /// <summary>Those that live, this one included.</summary>
    public IReadOnlyCollection<string> Alive => [Self, .. seen.Where(s => s.Key != Self && time.GetElapsedTime(s.Value) < DeadAfter).Select(static s => s.Key)];

    /// <summary>Begins to beat, and waits until every other replica had the time to.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        beating = Task.Run(BeatAsync, CancellationToken.None);
        await Task.Delay(3 * BeatEvery, time, ct).ConfigureAwait(false);
    }

    /// <summary>Asks the others to bring their holds of an org.</summary>
    public async Task AskAsync(string orgId, string epoch, CancellationToken ct) =>
        await client.ExecuteAsync(["PUBLISH", Channel, $"{epoch} {orgId}"], ct).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        subscription.Dispose();
        await stop.CancelAsync().ConfigureAwait(false);
        await beating.ConfigureAwait(false);
        stop.Dispose();
    }

    internal async Task BeatOnceAsync(CancellationToken ct)
    {
        var reply = await client.EvalAsync(RedisScripts.Beat, [Key], [Self, (long)CountedFor.TotalMilliseconds], ct).ConfigureAwait(false);
        var now = time.GetTimestamp();
        for (var i = 0; i + 1 < reply.Count; i += 2)
        {
            var at = now - (reply[i + 1].AsInt64() * time.TimestampFrequency / 1000);
            seen.AddOrUpdate(reply[i].AsString()!, at, (_, before) => Math.Max(before, at));
        }
        foreach (var (name, at) in seen)
        {
            if (time.GetElapsedTime(at) >= CountedFor)
            {
                seen.TryRemove(new(name, at));
            }
        }
    }

    async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(BeatEvery, time);
        try
        {
            do
            {
                try
                {
                    await BeatOnceAsync(stop.Token).ConfigureAwait(false);
                }
                catch (RespException)
                {
                    // Redis is away: whoever needs it finds out by itself; the next beat comes in half a second.
                }
            }
            while (await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    void Heard(ReadOnlyMemory<byte> message)
    {
        var text = Encoding.UTF8.GetString(message.Span);
        if (text.IndexOf(' ', StringComparison.Ordinal) is > 0 and var space)
        {
            _ = Task.Run(() => onRebuild(text[(space + 1)..], text[..space]));
        }
    }
}
