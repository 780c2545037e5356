using System.Collections.Concurrent;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary>Responses that can be fetched again, the newest <see cref="MaxResponses"/>.</summary>
internal sealed class StoredResponses
{
    public const int MaxResponses = 10_000;

    readonly ConcurrentDictionary<string, StoredResponse> _responses = new(StringComparer.Ordinal);
    readonly ConcurrentQueue<string> _order = new();

    public StoredResponse? Find(string id) => _responses.GetValueOrDefault(id);

    public void Add(StoredResponse response)
    {
        _responses[response.Id] = response;
        _order.Enqueue(response.Id);
        while (_order.Count > MaxResponses && _order.TryDequeue(out var oldest))
            _responses.TryRemove(oldest, out _);
    }

    public bool Remove(string id) => _responses.TryRemove(id, out _);
}

/// <summary>One response; in the background its generation may still run.</summary>
internal sealed class StoredResponse(string id, BillCounts units, Func<string, ReadOnlyMemory<byte>> render)
{
    readonly Lock _lock = new();

    public string Id => id;
    public BillCounts Units => units;
    public string Status { get; private set; } = "queued";
    public CancellationTokenSource Cancelled { get; } = new();

    /// <summary>The response object as it stands.</summary>
    public ReadOnlyMemory<byte> Body => render(Status);

    /// <summary>Moves on, unless the response has ended.</summary>
    /// <param name="first">Done before the new status can be seen.</param>
    /// <returns>False when it had ended.</returns>
    public bool Become(string status, Action? first = null)
    {
        lock (_lock)
        {
            if (Status is not ("queued" or "in_progress"))
                return false;
            first?.Invoke();
            Status = status;
            return true;
        }
    }
}
