using System.Globalization;
using CurateMe.Client;
using CurateMe.Ledger.Alerts;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Since when something lasts, so that it is told once however long that is, also when the gateway that watched it is gone: the event that told of it says
/// since when, and a lease, renewed at every look and given up at the end, says that it still goes on. Every call may throw
/// <see cref="AlertStoreUnavailableException"/>.
/// </summary>
/// <param name="patience">How long nobody may look until what is found then is another episode.</param>
sealed class Episodes(IAlertStore store, string owner, TimeSpan patience)
{
    readonly Dictionary<(AlertType Type, string? OrgId), DateTimeOffset> known = [];

    // Of these this process has seen an end: what comes now is no other's.
    readonly HashSet<(AlertType Type, string? OrgId)> ended = [];

    /// <summary>What makes the event of an episode unique.</summary>
    public static string Claim(DateTimeOffset since) => since.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    /// <summary>Since when it lasts, to which this look belongs; now, when it begins.</summary>
    public async Task<DateTimeOffset> SinceAsync(AlertType type, string? orgId, DateTimeOffset now, CancellationToken ct)
    {
        if (!known.TryGetValue((type, orgId), out var since))
        {
            var before = ended.Contains((type, orgId)) ? null : await GoingOnAsync(type, orgId, now, ct);
            known[(type, orgId)] = since = before ?? now;
        }
        return since;
    }

    /// <summary>It goes on and was told.</summary>
    public Task KeepAsync(AlertType type, string? orgId, DateTimeOffset since, DateTimeOffset now, CancellationToken ct) => store.LeaseAsync(Name(type, orgId), Claim(since), now, patience, ct);

    /// <summary>It is over, or is not.</summary>
    public async Task EndAsync(AlertType type, string? orgId, DateTimeOffset now, CancellationToken ct)
    {
        ended.Add((type, orgId));
        if (known.TryGetValue((type, orgId), out var since))
        {
            await store.LeaseAsync(Name(type, orgId), Claim(since), now, TimeSpan.Zero, ct);
            known.Remove((type, orgId));
        }
    }

    /// <summary>Somebody else watches.</summary>
    public void Forget()
    {
        known.Clear();
        ended.Clear();
    }

    // Since when an episode lasts that another process told of; null when there is none.
    async Task<DateTimeOffset?> GoingOnAsync(AlertType type, string? orgId, DateTimeOffset now, CancellationToken ct)
    {
        if (await store.LeaseAsync(Name(type, orgId), owner, now, TimeSpan.Zero, ct))
        {
            return null;
        }
        var last = await store.EventsAsync(new AlertQuery(orgId, [Choice.Word(type)], Limit: 1), ct);
        return last.Count == 1 && long.TryParse(last[0].Claim.AsSpan(last[0].Claim.LastIndexOf(':') + 1), CultureInfo.InvariantCulture, out var since) ? DateTimeOffset.FromUnixTimeMilliseconds(since) : null;
    }

    static string Name(AlertType type, string? orgId) => $"episode:{Choice.Word(type)}:{orgId}";
}
