using System.Collections.Concurrent;

namespace CurateMe.Gateway.Protection;

/// <summary>
/// Where requests over a rate or concurrency limit wait, one room for each org of this process. A key's requests go in their order; of several keys one request
/// each tries at a time, and a place that becomes free is offered to the keys in turn, so that a key with a thousand waiting is served as often as one with two.
/// </summary>
sealed class WaitingRooms
{
    readonly ConcurrentDictionary<string, Room> rooms = new(StringComparer.Ordinal);

    /// <summary>Whether requests of the key wait, so that another must not overtake them.</summary>
    public bool Waits(string orgId, string keyId) => rooms.TryGetValue(orgId, out var room) && room.Waits(keyId);

    /// <summary>A place behind the key's others; null when the room is full.</summary>
    public Place? Enter(string orgId, string keyId, int maxDepth)
    {
        while (true)
        {
            var room = rooms.GetOrAdd(orgId, static (_, id) => new Room(id), orgId);
            if (room.TryEnter(keyId, maxDepth, out var place))
            {
                return place;
            }
            // Its last one was just leaving.
            rooms.TryRemove(KeyValuePair.Create(orgId, room));
        }
    }

    /// <summary>A request of the org has ended: the next key may try.</summary>
    public void OnEnded(string orgId)
    {
        if (rooms.TryGetValue(orgId, out var room))
        {
            room.Offer();
        }
    }

    /// <summary>Gives a place up, whatever came of it.</summary>
    public void Leave(Place place)
    {
        if (place.Room.Leave(place))
        {
            rooms.TryRemove(KeyValuePair.Create(place.Room.OrgId, place.Room));
        }
    }

    /// <summary>Requests that wait, over all orgs.</summary>
    public int Count => rooms.Values.Sum(static room => room.Count);

    /// <summary>One waiting request.</summary>
#pragma warning disable CA1001 // the semaphore makes no wait handle, and may be offered after its request has left
    internal sealed class Place(Room room, string keyId)
#pragma warning restore CA1001
    {
        readonly SemaphoreSlim offered = new(0, 1);

        public Room Room { get; } = room;
        public string KeyId { get; } = keyId;

        /// <summary>Waits until it is worth trying: it is at the front and a place was offered, or <paramref name="atMost"/> is over.</summary>
        public Task<bool> OfferedAsync(TimeSpan atMost, CancellationToken ct) => offered.WaitAsync(atMost, ct);

        /// <summary>Whether it is the first of its key.</summary>
        public bool IsFront => Room.IsFront(this);

        public void Offer()
        {
            if (offered.CurrentCount == 0)
            {
                try
                {
                    offered.Release();
                }
                catch (SemaphoreFullException)
                {
                    // Offered by two at once.
                }
            }
        }
    }

    /// <summary>The waiting requests of an org.</summary>
    internal sealed class Room(string orgId)
    {
        readonly Lock gate = new();
        readonly Dictionary<string, LinkedList<Place>> keys = new(StringComparer.Ordinal);
        readonly Queue<string> turns = new();
        bool closed;
        int count;

        public string OrgId { get; } = orgId;
        public int Count => Volatile.Read(ref count);

        public bool Waits(string keyId)
        {
            lock (gate)
            {
                return keys.ContainsKey(keyId);
            }
        }

        /// <returns>False when the room is closed; a null place when it is full.</returns>
        public bool TryEnter(string keyId, int maxDepth, out Place? place)
        {
            place = null;
            lock (gate)
            {
                if (closed)
                {
                    return false;
                }
                if (count >= maxDepth)
                {
                    return true;
                }
                if (!keys.TryGetValue(keyId, out var queue))
                {
                    keys.Add(keyId, queue = []);
                    turns.Enqueue(keyId);
                }
                place = new Place(this, keyId);
                queue.AddLast(place);
                count++;
                return true;
            }
        }

        public bool IsFront(Place place)
        {
            lock (gate)
            {
                return keys.TryGetValue(place.KeyId, out var queue) && queue.First?.Value == place;
            }
        }

        /// <summary>Wakes the front of the next key.</summary>
        public void Offer()
        {
            Place? next = null;
            lock (gate)
            {
                if (turns.TryDequeue(out var keyId))
                {
                    turns.Enqueue(keyId);
                    next = keys[keyId].First!.Value;
                }
            }
            next?.Offer();
        }

        /// <returns>Whether the room is empty, and closed.</returns>
        public bool Leave(Place place)
        {
            Place? next = null;
            lock (gate)
            {
                var queue = keys[place.KeyId];
                queue.Remove(place);
                count--;
                if (queue.Count > 0)
                {
                    next = queue.First!.Value;
                }
                else
                {
                    keys.Remove(place.KeyId);
                    for (var rest = turns.Count; rest > 0; rest--)
                    {
                        if (turns.Dequeue() is var keyId && keyId != place.KeyId)
                        {
                            turns.Enqueue(keyId);
                        }
                    }
                }
                closed = count == 0;
            }
            next?.Offer();
            return closed;
        }
    }
}
