using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Protection;

/// <summary>What a key does in these seconds and this hour: a few counters of fixed size.</summary>
sealed class KeyPulse
{
    /// <summary>Bodies that are told apart; of more, the one that was begun longest ago is forgotten.</summary>
    public const int Bodies = 8;

    /// <summary>Models that are remembered; of more, all are asked about again.</summary>
    public const int MaxModels = 64;

    /// <summary>Addresses that are remembered; of more, all are asked about again.</summary>
    public const int MaxAddresses = 32;

    readonly Lock gate = new();
    readonly HashSet<string> addresses = new(StringComparer.Ordinal);
    string? lastAddress;
    readonly Repeats[] bodies = new Repeats[Bodies];
    readonly HashSet<string> models = new(StringComparer.Ordinal);
    Repeats all;
    string? lastModel;
    long hour;
    NanoUsd hourSpent;
    NanoUsd askAt;

    struct Repeats
    {
        public ulong Hash;
        public long Began;
        public int Count;

        public readonly long Age => Count == 0 ? long.MinValue : Began;
    }

    /// <summary>Timestamp of the last request.</summary>
    public long LastSeen { get; private set; }

    /// <summary>Counts a request; says what it is the one too many of.</summary>
    /// <param name="now">Timestamp.</param>
    /// <param name="frequency">Timestamps per second.</param>
    public (bool Storm, bool Runaway) OnRequest(ulong hash, ProtectionPolicy policy, long now, long frequency)
    {
        lock (gate)
        {
            LastSeen = now;
            var runaway = Count(ref all, now, (long)(policy.RunawayWindow.TotalSeconds * frequency)) == policy.RunawayRequests;
            var oldest = 0;
            for (var i = 0; i < bodies.Length; i++)
            {
                if (bodies[i].Hash == hash && bodies[i].Count > 0)
                {
                    return (Count(ref bodies[i], now, (long)(policy.RetryWindow.TotalSeconds * frequency)) == policy.RetryRepeats, runaway);
                }
                if (bodies[i].Age < bodies[oldest].Age)
                {
                    oldest = i;
                }
            }
            bodies[oldest] = new Repeats { Hash = hash, Began = now, Count = 1 };
            return (policy.RetryRepeats == 1, runaway);
        }
    }

    /// <summary>Whether the key uses a model that this process has not seen it use.</summary>
    public bool IsNew(string model)
    {
        if (ReferenceEquals(lastModel, model))
        {
            return false;
        }
        lock (gate)
        {
            lastModel = model;
            if (models.Contains(model))
            {
                return false;
            }
            if (models.Count >= MaxModels)
            {
                models.Clear();
            }
            return models.Add(model);
        }
    }

    /// <summary>Asks about a model and an address again at the next request: nobody had the time to look.</summary>
    public void Forget(string? model, string? address)
    {
        lock (gate)
        {
            if (model is not null)
            {
                lastModel = null;
                models.Remove(model);
            }
            if (address is not null)
            {
                lastAddress = null;
                addresses.Remove(address);
            }
        }
    }

    /// <summary>Whether the key comes from an address that this process has not seen it come from.</summary>
    public bool IsNewAddress(string address)
    {
        if (lastAddress == address)
        {
            return false;
        }
        lock (gate)
        {
            lastAddress = address;
            if (addresses.Contains(address))
            {
                return false;
            }
            if (addresses.Count >= MaxAddresses)
            {
                addresses.Clear();
            }
            return addresses.Add(address);
        }
    }

    /// <summary>Adds what was charged; says when the hour's sum has passed <paramref name="least"/> or has doubled since it was last said.</summary>
    public bool OnCharged(NanoUsd cost, long hourNow, NanoUsd least)
    {
        lock (gate)
        {
            if (hour != hourNow)
            {
                (hour, hourSpent, askAt) = (hourNow, NanoUsd.Zero, least);
            }
            hourSpent += cost;
            if (hourSpent < askAt || hourSpent == NanoUsd.Zero)
            {
                return false;
            }
            askAt = hourSpent + hourSpent;
            return true;
        }
    }

    static int Count(ref Repeats repeats, long now, long window)
    {
        if (now - repeats.Began > window || repeats.Count == 0)
        {
            repeats.Began = now;
            repeats.Count = 0;
        }
        return repeats.Count == int.MaxValue ? repeats.Count : ++repeats.Count;
    }
}
