using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Errors;
using CurateMe.Resp;

namespace CurateMe.Gateway.Telemetry;

/// <summary>Adds the refusals of all replicas up in Redis, for people to read. Figures, not money: what cannot be told within a few seconds is not counted elsewhere.</summary>
sealed class SharedDenials(RespClient client, DenialTally tally, ErrorEvents errors, TimeProvider time)
    : PeriodicWork(TellEvery, errors, time)
{
    static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(2);

    const int KeptSeconds = 3 * 86_400;
    const string All = "*";

    /// <summary>Today's refusals by code, of one org or of all when null; what this process has alone while Redis is away.</summary>
    public async Task<IReadOnlyDictionary<string, long>> TodayAsync(string? orgId, CancellationToken ct)
    {
        try
        {
            await TellAsync(ct);
            var reply = await client.ExecuteAsync(["HGETALL", Key(orgId ?? All, DateOnly.FromDateTime(Time.GetUtcNow().UtcDateTime))], ct);
            var counts = new Dictionary<string, long>(StringComparer.Ordinal);
            for (var i = 0; i + 1 < reply.Count; i += 2)
            {
                counts[reply[i].AsString() ?? ""] = reply[i + 1].AsInt64();
            }
            return counts;
        }
        catch (RespException)
        {
            return tally.Today(orgId);
        }
    }

    protected override async Task TurnAsync(CancellationToken ct)
    {
        try
        {
            await TellAsync(ct);
        }
        catch (RespException)
        {
            // These few stay this process's own.
        }
    }

    async Task TellAsync(CancellationToken ct)
    {
        var (day, counts) = tally.Take();
        foreach (var ofOrg in counts.GroupBy(static c => c.Org).Select(static g => (Org: g.Key, Codes: g.ToList())).Append((Org: All, Codes: [.. counts])))
        {
            if (ofOrg.Org is null || ofOrg.Codes.Count == 0)
            {
                continue;
            }
            var key = Key(ofOrg.Org, day);
            foreach (var code in ofOrg.Codes.GroupBy(static c => c.Code, StringComparer.Ordinal))
            {
                await client.ExecuteAsync(["HINCRBY", key, code.Key, code.Sum(static c => c.Count)], ct);
            }
            await client.ExecuteAsync(["EXPIRE", key, KeptSeconds], ct);
        }
    }

    static string Key(string orgId, DateOnly day) => $"gateway:denials:{{{orgId}}}:{day:yyyy-MM-dd}";
}
