using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Dashboard;

/// <summary>Requests and spend as server-sent events.</summary>
static class LiveEndpoints
{
    public static RouteGroupBuilder MapLive(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/live", LiveAsync).WithName("WatchLive").WithTags("Dashboard").Produces<LiveSpend>(200, "text/event-stream").Requires(AdminRight.Read);
        return gateway;
    }

    // EventSource can send no header, so the org and the last event may stand in the query, too.
    static async Task<IResult> LiveAsync(string? org_id, string? last_event_id, HttpContext context, AdminCall call, LiveFeed feed, CancellationToken ct)
    {
        var org = org_id is null && call.NamedOrg is null ? null : (await call.OrgAsync(org_id, "org_id", ct)).Id;
        var watcher = feed.Watch(org) ?? throw new Refusal(503, "too_many_watchers", "GW_RATE_001", $"{LiveFeed.MaxWatchers} others watch this replica already.", param: null, "Try again later, or ask another replica.");
        context.Response.Headers["X-Accel-Buffering"] = "no";
        return new LiveStream(watcher, LiveId.Parse(context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last ? last : last_event_id ?? ""));
    }
}

/// <summary>The id of an event: when its request ended, and which it was. Any replica can go on from it.</summary>
readonly record struct LiveId(long EndedMs, RequestId Request)
{
    public static LiveId Of(UsageRecord record) => new(record.Timestamp.ToUnixTimeMilliseconds() + record.LatencyMs, record.Id);

    /// <summary>Null when it is none of ours.</summary>
    public static LiveId? Parse(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash > 0 && long.TryParse(text.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var at) && RequestId.TryParse(text.AsSpan(dash + 1), out var id) ? new LiveId(at, id) : null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{EndedMs}-{Request}");
}

/// <summary>One stream: what was missed, then what happens, then where it stands; a comment when nothing does.</summary>
sealed class LiveStream(LiveWatcher watcher, LiveId? after) : IResult
{
    /// <summary>Most records that are sent again to who comes back; who missed more is told to read everything again.</summary>
    const int MaxCaughtUp = UsageQuery.MaxLimit;

    /// <summary>Orgs whose spend is told at once to who watches all.</summary>
    const int MaxOrgs = 20;

    /// <summary>How far replicas' clocks and the ways of their messages may differ: so much is sent twice rather than not at all.</summary>
    static readonly TimeSpan Overlap = TimeSpan.FromSeconds(2);

    static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>Longest silence; also how often it is asked again who watches.</summary>
    static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);

    /// <summary>How often an org's held money is looked at while nothing settles.</summary>
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var services = httpContext.RequestServices;
        var stopping = services.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(httpContext.RequestAborted, stopping);
        try
        {
            httpContext.Response.ContentType = "text/event-stream; charset=utf-8";
            await httpContext.Response.WriteAsync("retry: 2000\n\n", ending.Token);
            await CatchUpAsync(httpContext, services.GetRequiredService<LedgerReads>(), ending.Token);
            await FollowAsync(httpContext, services, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The browser left, or the gateway stops: it comes back to another by itself.
        }
        catch (Refusal)
        {
            // The session has ended meanwhile; the browser learns why when it comes back.
        }
        finally
        {
            services.GetRequiredService<LiveFeed>().Leave(watcher);
        }
    }

    async Task CatchUpAsync(HttpContext context, LedgerReads reads, CancellationToken ct)
    {
        if (after is not { } last)
        {
            await context.Response.Body.FlushAsync(ct);
            return;
        }
        if (watcher.OrgId is not { } org)
        {
            watcher.Miss();
            return;
        }
        UsagePage page;
        try
        {
            page = await (await reads.CaughtUpAsync(ct)).QueryAsync(new UsageQuery { OrgId = org, Limit = MaxCaughtUp, Sort = UsageSort.TimeDesc }, ct);
        }
        catch (LedgerUnavailableException)
        {
            watcher.Miss();
            return;
        }
        var since = last.EndedMs - (long)Overlap.TotalMilliseconds;
        if (page.NextCursor is not null && page.Records[^1].Timestamp.ToUnixTimeMilliseconds() > since)
        {
            watcher.Miss();
            return;
        }
        foreach (var record in page.Records.Where(r => LiveId.Of(r).EndedMs >= since && r.Id != last.Request).OrderBy(r => LiveId.Of(r).EndedMs))
        {
            await SendAsync(context, record, ct);
        }
        await context.Response.Body.FlushAsync(ct);
    }

    async Task FollowAsync(HttpContext context, IServiceProvider services, CancellationToken ct)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var gate = services.GetRequiredService<AdminGate>();
        var (spoke, asked, looked) = (time.GetTimestamp(), time.GetTimestamp(), long.MinValue);
        var touched = new HashSet<string>(StringComparer.Ordinal);
        var told = new Dictionary<string, LiveSpend>(StringComparer.Ordinal);
        while (true)
        {
            var wrote = false;
            if (watcher.TakeMissed())
            {
                await context.Response.WriteAsync("event: resync\ndata: {}\n\n", ct);
                wrote = true;
            }
            for (var sent = 0; sent < LiveWatcher.MaxWaiting && watcher.Records.TryRead(out var record); sent++)
            {
                await SendAsync(context, record, ct);
                touched.Add(record.OrgId);
                wrote = true;
            }
            if (watcher.OrgId is { } own && (looked == long.MinValue || time.GetElapsedTime(looked) >= LookEvery))
            {
                touched.Add(own);
            }
            if (touched.Count > 0)
            {
                looked = time.GetTimestamp();
                wrote |= await SendSpendAsync(context, services.GetRequiredService<ICounterStore>(), DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), touched, told, ct);
                touched.Clear();
            }
            if (time.GetElapsedTime(asked) >= Heartbeat)
            {
                asked = time.GetTimestamp();
                await gate.AuthenticateAsync(context);
            }
            if (!wrote && time.GetElapsedTime(spoke) >= Heartbeat)
            {
                await context.Response.WriteAsync(": heartbeat\n\n", ct);
                wrote = true;
            }
            if (wrote)
            {
                spoke = time.GetTimestamp();
                await context.Response.Body.FlushAsync(ct);
            }
            await WaitAsync(time, ct);
        }
    }

    // Until something comes, at most a tick; then a little longer, so that a burst goes out together.
    async Task WaitAsync(TimeProvider time, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Tick);
        try
        {
            await watcher.Records.WaitToReadAsync(limit.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, ct);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Nothing came.
        }
    }

    static Task SendAsync(HttpContext context, UsageRecord record, CancellationToken ct) =>
        SendAsync(context, "request", LiveId.Of(record).ToString(), UsageView.Of(record), AdminJson.Default.UsageEntry, ct);

    static async Task<bool> SendSpendAsync(
        HttpContext context, ICounterStore counters, DateOnly today, HashSet<string> orgs, Dictionary<string, LiveSpend> told, CancellationToken ct)
    {
        var wrote = false;
        foreach (var org in orgs.Take(MaxOrgs))
        {
            if (await SpendAsync(counters, org, today, ct) is not { } spend || (told.TryGetValue(org, out var before) && before == spend))
            {
                continue;
            }
            if (told.Count >= MaxOrgs * 10)
            {
                told.Clear();
            }
            told[org] = spend;
            await SendAsync(context, "spend", id: null, spend, AdminJson.Default.LiveSpend, ct);
            wrote = true;
        }
        return wrote;
    }

    static async Task<LiveSpend?> SpendAsync(ICounterStore counters, string org, DateOnly today, CancellationToken ct)
    {
        try
        {
            var cells = (await counters.SnapshotAsync(org, today, ct)).Where(static c => c.Kind == NodeKind.Org).ToList();
            var day = cells.Find(static c => c.Period == PeriodKind.Day);
            var month = cells.Find(static c => c.Period == PeriodKind.Month);
            return new LiveSpend
            {
                OrgId = org,
                Date = today,
                DailySpend = day?.Spent ?? default,
                DailyHeld = day?.Held ?? default,
                MonthlySpend = month?.Spent ?? default,
                MonthlyHeld = month?.Held ?? default,
            };
        }
        catch (CounterStoreUnavailableException)
        {
            // The overview says that they are away.
            return null;
        }
    }

    static Task SendAsync<T>(HttpContext context, string name, string? id, T data, JsonTypeInfo<T> type, CancellationToken ct) =>
        context.Response.WriteAsync($"{(id is null ? "" : $"id: {id}\n")}event: {name}\ndata: {JsonSerializer.Serialize(data, type)}\n\n", ct);
}
