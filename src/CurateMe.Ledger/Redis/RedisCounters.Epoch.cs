using CurateMe.Ledger.Budgets;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

public sealed partial class RedisCounters
{
    /// <summary>Says that the counters of an org are right: holds are admitted on them from here on.</summary>
    /// <param name="epoch">What the rebuild was asked for.</param>
    /// <returns>False when another server process serves the org by now: rebuild for that one.</returns>
    public async ValueTask<bool> OpenAsync(string orgId, string epoch, CancellationToken ct)
    {
        var org = Org(orgId);
        var asked = Volatile.Read(ref generation);
        var reply = await AskAsync(static (self, s, ct) => self.client.EvalAsync(RedisScripts.Open, [s.org.State], [s.epoch], ct), (org, epoch), ct).ConfigureAwait(false);
        if (!reply[0].AsBoolean())
        {
            return false;
        }
        org.SeeAnew(reply[2].AsInt64());
        org.Epoch = new RedisEpoch(epoch, asked);
        return true;
    }

    ValueTask<RedisEpoch> AttachedAsync(RedisOrg org, CancellationToken ct) =>
        Current(org) is { } epoch ? new(epoch) : AttachAsync(org, ct);

    // For what is no hold: a server that does not answer has changed nothing, and is asked again like for the rest.
    async ValueTask<RedisEpoch> TrustedAsync(RedisOrg org, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await AttachedAsync(org, ct).ConfigureAwait(false);
            }
            catch (RespException e)
            {
                if (tries == options.Tries || !e.MayHaveRun)
                {
                    throw Unavailable(e, outcomeUnknown: false);
                }
            }
        }
    }

    // One caller asks for all; the others wait for its answer.
    async ValueTask<RedisEpoch> AttachAsync(RedisOrg org, CancellationToken ct)
    {
        if (!await org.Attaching.WaitAsync(options.RebuildWait, ct).ConfigureAwait(false))
        {
            throw new CounterStoreUnavailableException("The budget counters are being rebuilt.", outcomeUnknown: false);
        }
        try
        {
            for (var tries = 0; tries < options.Tries; tries++)
            {
                if (Current(org) is { } known)
                {
                    return known;
                }
                await client.ExecuteAsync(["SADD", OrgIndex, org.Id], ct).ConfigureAwait(false);
                var (epoch, name) = await AskEpochAsync(org, ct).ConfigureAwait(false);
                if (epoch is not null)
                {
                    return epoch;
                }
                await RebuildAsync(org, name, ct).ConfigureAwait(false);
            }
        }
        finally
        {
            org.Attaching.Release();
        }
        throw new CounterStoreUnavailableException("The budget counters are being rebuilt.", outcomeUnknown: false);
    }

    // The epoch is null when the counters must be rebuilt for the server of this name.
    async ValueTask<(RedisEpoch? Epoch, string Name)> AskEpochAsync(RedisOrg org, CancellationToken ct)
    {
        var asked = Volatile.Read(ref generation);
        var reply = await client.EvalAsync(RedisScripts.Attach, [org.State], [], ct).ConfigureAwait(false);
        var name = reply[1].AsString()!;
        if (!reply[0].AsBoolean())
        {
            return (null, name);
        }
        var built = reply[3].AsString()!;
        if (org.Built is { } before && before != built)
        {
            await options.Bring(org.Id, ct).ConfigureAwait(false);
        }
        var seq = reply[2].AsInt64();
        // The same counters with fewer changes have lost some: the next hold finds that out by what was seen, and shuts them.
        if (org.Built != built || seq > org.Seen)
        {
            org.SeeAnew(seq);
        }
        org.Built = built;
        return (org.Epoch = new RedisEpoch(name, asked), name);
    }

    /// <summary>
    /// Looks whether counters that this process holds money in were rebuilt while it was cut off from them, and brings what they lack then. To be called about once a second.
    /// </summary>
    internal async ValueTask LookAgainAsync(CancellationToken ct)
    {
        foreach (var id in own.Orgs())
        {
            await LookAgainAsync(Org(id), ct).ConfigureAwait(false);
        }
    }

    // One that was never there before lacks nothing.
    async ValueTask LookAgainAsync(RedisOrg org, CancellationToken ct)
    {
        if (org.Built is not null)
        {
            await KnownAsync(org, ct).ConfigureAwait(false);
        }
    }

    // The epoch, asked for anew after this process was cut off; null when the counters must be rebuilt, which is not begun here.
    async ValueTask<RedisEpoch?> KnownAsync(RedisOrg org, CancellationToken ct)
    {
        if (Current(org) is { } current)
        {
            return current;
        }
        if (!await org.Attaching.WaitAsync(options.RebuildWait, ct).ConfigureAwait(false))
        {
            return null;
        }
        try
        {
            return Current(org) ?? (await AskEpochAsync(org, ct).ConfigureAwait(false)).Epoch;
        }
        catch (RespException e)
        {
            throw Unavailable(e, outcomeUnknown: false);
        }
        finally
        {
            org.Attaching.Release();
        }
    }

    // Null when this process was cut off since it asked, or never asked.
    RedisEpoch? Current(RedisOrg org) => org.Epoch is { } epoch && epoch.Generation == Volatile.Read(ref generation) ? epoch : null;

    async Task RebuildAsync(RedisOrg org, string epoch, CancellationToken ct)
    {
        try
        {
            await options.Rebuild(org.Id, epoch, CancellationToken.None).WaitAsync(options.RebuildWait, ct).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new CounterStoreUnavailableException("The budget counters are being rebuilt.", outcomeUnknown: false, e);
        }
    }
}
