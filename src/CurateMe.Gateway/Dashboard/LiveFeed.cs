using System.Collections.Immutable;
using System.Threading.Channels;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Gateway.Dashboard;

/// <summary>One who watches.</summary>
/// <param name="OrgId">Whose requests; null is everybody's.</param>
sealed class LiveWatcher(string? orgId)
{
    /// <summary>Most records that wait for a watcher; beyond it the oldest go, and the watcher is told to read everything again.</summary>
    public const int MaxWaiting = 500;

    readonly Channel<UsageRecord> _records = Channel.CreateBounded<UsageRecord>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });
    int _missed;

    public string? OrgId { get; } = orgId;
    public ChannelReader<UsageRecord> Records => _records.Reader;

    public void Offer(UsageRecord record)
    {
        if ((OrgId is null || OrgId == record.OrgId) && !_records.Writer.TryWrite(record))
        {
            Miss();
        }
    }

    public void Miss() => Volatile.Write(ref _missed, 1);

    /// <summary>Whether something was missed since the last question.</summary>
    public bool TakeMissed() => Interlocked.Exchange(ref _missed, 0) != 0;
}

/// <summary>
/// Tells watchers of requests as they settle, on this replica and through Redis on every other. While nobody watches anywhere it costs a request one
/// look at a number. Lossy by intent: the ledger has everything, and who missed something is told so.
/// </summary>
sealed class LiveFeed(TimeProvider time, RespClient? client = null, JournalFile? journal = null) : BackgroundService
{
    /// <summary>Most watchers of one process.</summary>
    public const int MaxWatchers = 200;

    /// <summary>Most records that wait to be told to other replicas, and most in one message.</summary>
    public const int MaxTold = 200;

    static readonly TimeSpan TellEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>How often a replica says that somebody watches there, and how long that is believed.</summary>
    static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(2);
    static readonly TimeSpan Believed = TimeSpan.FromSeconds(7);

    const string RecordsChannel = "gateway:live";
    const string WatchChannel = "gateway:live:watch";

    readonly byte[] _self = System.Security.Cryptography.RandomNumberGenerator.GetBytes(16);
    readonly Channel<UsageRecord> _untold = Channel.CreateBounded<UsageRecord>(new BoundedChannelOptions(MaxTold) { SingleReader = true });
    readonly LateRecords? _late = journal is null ? null : new LateRecords(journal, time);
    readonly Lock _gate = new();
    ImmutableArray<LiveWatcher> _watchers = [];
    long _watchedElsewhereUntil = long.MinValue;
    int _overran;

    /// <summary>Watchers were told of something that the ledger does not have yet.</summary>
    public bool Behind => _late is { Waits: true };

    /// <summary>A request has settled here. Never blocks.</summary>
    public void Offer(UsageRecord record)
    {
        var watchers = _watchers;
        if (!watchers.IsEmpty)
        {
            Deliver(watchers, record);
            _late?.Expect();
        }
        if (client is not null && time.GetTimestamp() < Volatile.Read(ref _watchedElsewhereUntil))
        {
            _late?.Expect();
            if (!_untold.Writer.TryWrite(record))
            {
                Volatile.Write(ref _overran, 1);
            }
        }
    }

    /// <summary>Begins to watch; null when too many do.</summary>
    public LiveWatcher? Watch(string? orgId)
    {
        lock (_gate)
        {
            if (_watchers.Length >= MaxWatchers)
            {
                return null;
            }
            var watcher = new LiveWatcher(orgId);
            _watchers = _watchers.Add(watcher);
            _late?.Expect();
            _ = SayAsync();
            return watcher;
        }
    }

    public void Leave(LiveWatcher watcher)
    {
        lock (_gate)
        {
            _watchers = _watchers.Remove(watcher);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var watching = client?.Subscribe(WatchChannel, Believe);
        using var records = client?.Subscribe(RecordsChannel, Receive, MissAll);
        using var timer = new PeriodicTimer(TellEvery, time);
        var said = time.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                if (_late?.Take() == true)
                {
                    MissAll();
                    Volatile.Write(ref _overran, 1);
                }
                await TellAsync();
                if (client is not null && !_watchers.IsEmpty && time.GetElapsedTime(said) >= SayEvery)
                {
                    said = time.GetTimestamp();
                    await SayAsync();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    static void Deliver(ImmutableArray<LiveWatcher> watchers, UsageRecord record)
    {
        foreach (var watcher in watchers)
        {
            watcher.Offer(record);
        }
    }

    void MissAll()
    {
        foreach (var watcher in _watchers)
        {
            watcher.Miss();
        }
    }

    void Believe(ReadOnlyMemory<byte> who)
    {
        if (!who.Span.SequenceEqual(_self))
        {
            Volatile.Write(ref _watchedElsewhereUntil, time.GetTimestamp() + (long)(Believed.TotalSeconds * time.TimestampFrequency));
            _late?.Expect();
        }
    }

    Task SayAsync() => PublishAsync(WatchChannel, _self);

    // A message: who sends it, whether some are missing, then each record with its length before it.
    async Task TellAsync()
    {
        var overran = Interlocked.Exchange(ref _overran, 0) != 0;
        if (!overran && _untold.Reader.Count == 0)
        {
            return;
        }
        using var message = new MemoryStream();
        message.Write(_self);
        message.WriteByte(overran ? (byte)1 : (byte)0);
        var bytes = new byte[RecordCodec.MaxBytes];
        for (var told = 0; told < MaxTold && _untold.Reader.TryRead(out var record); told++)
        {
            var length = RecordCodec.Write(record, bytes);
            message.WriteByte((byte)(length >> 8));
            message.WriteByte((byte)length);
            message.Write(bytes, 0, length);
        }
        await PublishAsync(RecordsChannel, message.ToArray());
    }

    void Receive(ReadOnlyMemory<byte> message)
    {
        var watchers = _watchers;
        var bytes = message.Span;
        if (watchers.IsEmpty || bytes.Length <= _self.Length || bytes[.._self.Length].SequenceEqual(_self))
        {
            return;
        }
        if (bytes[_self.Length] != 0)
        {
            MissAll();
        }
        for (bytes = bytes[(_self.Length + 1)..]; bytes.Length > 2;)
        {
            var length = (bytes[0] << 8) | bytes[1];
            Deliver(watchers, RecordCodec.Read(bytes.Slice(2, length)));
            bytes = bytes[(2 + length)..];
        }
    }

    async Task PublishAsync(string channel, byte[] message)
    {
        if (client is null)
        {
            return;
        }
        try
        {
            await client.ExecuteAsync(["PUBLISH", channel, message]).ConfigureAwait(false);
        }
        catch (RespException)
        {
            // When the subscription is renewed, the watchers are told that they missed something.
        }
    }
}
