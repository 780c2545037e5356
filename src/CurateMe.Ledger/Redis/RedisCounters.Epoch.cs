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
        Attach(org, epoch, asked, reply[2].AsInt64());
        return true;
    }

    ValueTask<RedisEpoch> AttachedAsync(RedisOrg org, CancellationToken ct) =>
        org.Epoch is { } epoch && epoch.Generation == Volatile.Read(ref generation) ? new(epoch) : AttachAsync(org, ct);

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
                if (org.Epoch is { } known && known.Generation == Volatile.Read(ref generation))
                {
                    return known;
                }
                var asked = Volatile.Read(ref generation);
                await client.ExecuteAsync(["SADD", OrgIndex, org.Id], ct).ConfigureAwait(false);
                var reply = await client.EvalAsync(RedisScripts.Attach, [org.State], [], ct).ConfigureAwait(false);
                var epoch = reply[1].AsString()!;
                if (reply[0].AsBoolean() && reply[2].AsInt64() is var seq && (org.Seen <= seq || org.Epoch is null))
                {
                    return Attach(org, epoch, asked, seq);
                }
                await RebuildAsync(org, epoch, ct).ConfigureAwait(false);
            }
        }
        finally
        {
            org.Attaching.Release();
        }
        throw new CounterStoreUnavailableException("The budget counters are being rebuilt.", outcomeUnknown: false);
    }

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

    static RedisEpoch Attach(RedisOrg org, string epoch, long asked, long seq)
    {
        org.SeeAnew(seq);
        return org.Epoch = new RedisEpoch(epoch, asked);
    }
}
