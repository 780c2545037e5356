using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace CurateMe.Resp;

/// <summary>Which master serves which slot, how that is learned, and where a command goes next when a master says "not here".</summary>
internal sealed class ClusterMap : IAsyncDisposable
{
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan MaxRetryDelay = TimeSpan.FromSeconds(1);

    private readonly RespOptions _options;
    private readonly Action<RespConnectionChange> _report;
    private readonly ConcurrentDictionary<RespAddress, RespNode> _nodes = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopping; // still good when its source is disposed
    private readonly SemaphoreSlim _refreshWanted = new(0, 1);
    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _refreshing;
    private RespNode?[] _slots = new RespNode?[HashSlot.Count];
    private RespNode[] _masters = [];
    private Task _leaving = Task.CompletedTask;
    private uint _next;

    public ClusterMap(RespOptions options, Action<RespConnectionChange> report)
    {
        _options = options;
        _report = report;
        _stopping = _stop.Token;
        _refreshing = Task.Run(KeepFreshAsync);
    }

    /// <summary>Ends with the outcome of the first attempt to learn the map and connect to its masters.</summary>
    public Task FirstAttempt => _firstAttempt.Task;

    public bool IsConnected => Masters is { Length: > 0 } masters && Array.TrueForAll(masters, static n => n.IsConnected);

    private RespNode[] Masters => Volatile.Read(ref _masters);

    public RespNodeStatus[] Statuses() => Array.ConvertAll(Masters, static n => n.Status);

    public RespNode? Find(RespAddress address) => _nodes.GetValueOrDefault(address);

    public RespAddress AnyAddress(int attempt)
    {
        var known = Masters;
        return known.Length > 0 ? known[attempt % known.Length].Address : _options.Addresses[attempt % _options.Addresses.Count];
    }

    public async Task ConnectedAsync(CancellationToken cancel)
    {
        await _known.Task.WaitAsync(cancel);
        foreach (var master in Masters)
            await master.ConnectedAsync(cancel);
    }

    public void Send(RespRequest request, RespRequest? prefix = null)
    {
        if (request.IsDone)
            return;
        var node = request.Slot >= 0 ? Volatile.Read(ref _slots)[request.Slot] : null;
        node ??= AnyMaster();
        var result = node?.TrySend(request, prefix) ?? SendResult.Closed;
        if (result != SendResult.Queued)
            request.Fail(node?.NotSent(result) ?? new RespNotSentException("No master of the cluster is known yet."));
    }

    /// <summary>False: the error is for the caller, or the command has been sent on often enough.</summary>
    public bool TryRedirect(RespRequest request, in RespReply error, RespConnection connection)
    {
        var text = error.ErrorText;
        var moved = text.StartsWith("MOVED "u8);
        var asked = text.StartsWith("ASK "u8);
        if (!moved && !asked && !text.StartsWith("TRYAGAIN"u8) && !text.StartsWith("CLUSTERDOWN"u8))
            return false;
        if (!asked)
            RequestRefresh();
        if (request.Redirections >= _options.MaxRedirections || _options.Time.GetElapsedTime(request.FirstSentAt) >= _options.CommandTimeout || _stopping.IsCancellationRequested)
            return false;
        request.Redirections++;
        if (!moved && !asked)
        {
            _ = SendLaterAsync(request);
            return true;
        }
        if (!TryParseTarget(Encoding.UTF8.GetString(text), connection.Address.Host, out var slot, out var address) || NodeAt(address) is not { } node)
            return false;
        if (moved)
            Volatile.Read(ref _slots)[slot] = node;
        _ = SendToAsync(request, node, asked ? Asking() : null);
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _refreshing;
        Task[] closing;
        lock (_nodes)
            closing = [_leaving, .. _nodes.Values.Select(static n => n.DisposeAsync().AsTask())];
        await Task.WhenAll(closing);
        _known.TrySetException(new RespNotSentException("The client is closed."));
        _ = _known.Task.Exception; // observed: nobody needs to wait for it
        _refreshWanted.Dispose();
        _stop.Dispose();
    }

    private static RespRequest Asking()
    {
        var asking = new RespRequest();
        asking.Encode(null, ["ASKING"]);
        return asking;
    }

    /// <summary>Reads <c>MOVED 3999 127.0.0.1:6381</c>; without a host it is that of the server which answered.</summary>
    private static bool TryParseTarget(string error, string answering, out int slot, out RespAddress address)
    {
        address = default;
        slot = 0;
        var words = error.Split(' ');
        if (words.Length < 3 || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out slot) || slot >= HashSlot.Count)
            return false;
        var target = words[2];
        var colon = target.LastIndexOf(':');
        if (colon < 0)
            return false;
        var host = colon == 0 ? answering : target[..colon].Trim('[', ']'); // IPv6 comes without brackets, or with
        return RespAddress.TryParse($"[{host}]{target[colon..]}", out address);
    }

    private async Task SendToAsync(RespRequest request, RespNode node, RespRequest? prefix)
    {
        try
        {
            if (request.IsDone)
                return;
            var result = node.TrySend(request, prefix);
            if (result == SendResult.Closed)
            {
                using var timeout = new CancellationTokenSource(_options.CommandTimeout, _options.Time);
                await node.ConnectedAsync(timeout.Token);
                result = request.IsDone ? SendResult.Queued : node.TrySend(request, prefix);
            }
            if (result != SendResult.Queued)
                request.Fail(node.NotSent(result));
        }
        catch (Exception e)
        {
            request.Fail(new RespNotSentException($"The cluster sent the command on to {node.Address}, which cannot be reached.", e));
        }
    }

    private async Task SendLaterAsync(RespRequest request)
    {
        var full = Math.Min(FirstRetryDelay.Ticks << Math.Min(request.Redirections, 20), MaxRetryDelay.Ticks);
        await Task.Delay(TimeSpan.FromTicks((long)(full * (0.5 + Random.Shared.NextDouble() / 2))), _options.Time, _stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Send(request);
    }

    private RespNode? AnyMaster()
    {
        var masters = Masters;
        var start = Interlocked.Increment(ref _next);
        for (uint i = 0; i < masters.Length; i++)
            if (masters[(start + i) % masters.Length] is { IsConnected: true } node)
                return node;
        return masters.Length > 0 ? masters[start % masters.Length] : null;
    }

    /// <summary>Null past MaxClusterNodes.</summary>
    private RespNode? NodeAt(RespAddress address)
    {
        if (_nodes.TryGetValue(address, out var known))
            return known;
        lock (_nodes)
        {
            if (_nodes.TryGetValue(address, out known))
                return known;
            if (_nodes.Count >= _options.MaxClusterNodes || _stopping.IsCancellationRequested)
                return null;
            return _nodes[address] = new RespNode(address, _options, OnChanged);
        }
    }

    private void OnChanged(RespNode node, RespConnectionChange change)
    {
        if (change.State != RespConnectionState.Connected)
            RequestRefresh();
        _report(change);
    }

    private void RequestRefresh()
    {
        lock (_refreshWanted)
            if (!_stopping.IsCancellationRequested && _refreshWanted.CurrentCount == 0)
                _refreshWanted.Release();
    }

    private async Task KeepFreshAsync()
    {
        var backoff = new Backoff(_options.ReconnectDelay, _options.MaxReconnectDelay, Random.Shared);
        while (!_stopping.IsCancellationRequested)
        {
            var error = await RefreshAsync();
            if (error is null)
            {
                backoff.Reset();
                _firstAttempt.TrySetResult();
            }
            else
            {
                _firstAttempt.TrySetException(error);
                _ = _firstAttempt.Task.Exception; // observed: nobody needs to wait for it
            }
            await PauseAsync(error is null ? _options.MinTopologyRefreshInterval : backoff.Next());
            if (error is null)
                await WaitForWishAsync();
        }
    }

    private Task PauseAsync(TimeSpan pause) => IgnoreStop(Task.Delay(pause, _options.Time, _stopping));

    private async Task WaitForWishAsync()
    {
        using var interval = new CancellationTokenSource(_options.TopologyRefreshInterval, _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(interval.Token, _stopping);
        await IgnoreStop(_refreshWanted.WaitAsync(either.Token));
    }

    private static async Task IgnoreStop(Task wait) => await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Asks one server after another until one knows the map; null, or why none did.</summary>
    private async Task<RespException?> RefreshAsync()
    {
        RespException error = new RespNotSentException("The client is closed.");
        foreach (var address in Masters.Where(static n => n.IsConnected).Select(static n => n.Address).Concat(_options.Addresses).Distinct())
        {
            if (_stopping.IsCancellationRequested)
                break;
            try
            {
                var ranges = await AskAsync(address);
                await AdoptAsync(ranges);
                return null;
            }
            catch (RespException e)
            {
                error = e;
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
        return error;
    }

    private async Task<SlotRange[]> AskAsync(RespAddress address)
    {
        if (_nodes.TryGetValue(address, out var node) && node.IsConnected)
        {
            var request = new RespRequest();
            request.Encode(null, ["CLUSTER", "SLOTS"]);
            var result = node.TrySend(request);
            if (result != SendResult.Queued)
                request.Fail(node.NotSent(result));
            return SlotRange.Parse(await request.Task, address);
        }
        var connection = await Dialer.DialAsync(address, _options, pushed: null, _stopping);
        try
        {
            return SlotRange.Parse(await connection.ExecuteAsync(["CLUSTER", "SLOTS"]), address);
        }
        finally
        {
            connection.Close(new RespNotSentException("Done asking for the cluster's map."));
        }
    }

    /// <summary>Connects to new masters before any command is sent to them, then lets go of the old ones.</summary>
    private async Task AdoptAsync(SlotRange[] ranges)
    {
        var slots = new RespNode?[HashSlot.Count];
        var masters = new HashSet<RespNode>();
        foreach (var range in ranges)
        {
            var node = NodeAt(range.Master) ?? throw new RespProtocolException($"The cluster names more than MaxClusterNodes = {_options.MaxClusterNodes} nodes.");
            masters.Add(node);
            slots.AsSpan(range.First, range.Last - range.First + 1).Fill(node);
        }
        // A master that cannot be reached yet is adopted all the same: its slots fail, the others work.
        await IgnoreStop(Task.WhenAll(masters.Select(static n => n.FirstAttempt)).WaitAsync(_stopping));
        Volatile.Write(ref _slots, slots);
        Volatile.Write(ref _masters, [.. masters]);
        _known.TrySetResult();
        foreach (var (address, node) in _nodes)
            if (!masters.Contains(node) && _nodes.TryRemove(address, out _))
                _leaving = Task.WhenAll(_leaving, LetGoAsync(node));
    }

    /// <summary>What is pending on a server that is no longer a master may still be answered.</summary>
    private async Task LetGoAsync(RespNode node)
    {
        await PauseAsync(_options.CommandTimeout);
        await node.DisposeAsync();
    }
}
