using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Mvc;

namespace CurateMe.Gateway.Admin;

/// <summary>Which requests are asked for.</summary>
sealed record RequestLogFilter
{
    [FromQuery(Name = "from")] public string? From { get; init; }
    [FromQuery(Name = "to")] public string? To { get; init; }
    [FromQuery(Name = "key_id")] public string? KeyId { get; init; }

    /// <summary><c>refused</c>, <c>forwarded</c>, or both when absent.</summary>
    [FromQuery(Name = "outcome")] public string? Outcome { get; init; }

    /// <summary><c>json</c> or <c>csv</c>.</summary>
    [FromQuery(Name = "format")] public string? Format { get; init; }
}

/// <summary>
/// All requests of an org in a time window, forwarded and refused, in the order of their time; as JSON or CSV of any length. Who may see every org and names none
/// gets the refusals of all, those of unknown keys among them, which are nobody's.
/// </summary>
static class RequestLogEndpoints
{
    public static RouteGroupBuilder MapRequestLog(this RouteGroupBuilder admin)
    {
        admin.MapGet("/gateway/requests", ListAsync).WithName("ListRequests").WithTags("Usage")
            .Produces<Page<RequestLogEntry>>().Produces<string>(200, "text/csv").Requires(AdminRight.Read);
        return admin;
    }

    static async Task<IResult> ListAsync([AsParameters] RequestLogFilter filter, HttpContext context, AdminCall call, LedgerReads reads, IServiceProvider services, CancellationToken ct)
    {
        var csv = Csv.IsWanted(filter.Format, context.Request);
        var (from, to) = Times.Span(filter.From, filter.To, call.Now);
        var keyId = filter.KeyId;
        Rules.Id("key_id", keyId);
        if (filter.Outcome is not (null or "refused" or "forwarded"))
        {
            throw Refusal.InvalidField("outcome", "must be refused or forwarded, or left out");
        }
        var org = filter.Outcome == "refused" && call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        var forwarded = filter.Outcome == "refused" ? Nothing() : ForwardedAsync(await reads.CaughtUpAsync(ct), Query(org!, keyId, from, to), ct);
        var log = filter.Outcome == "forwarded" ? null : services.GetService<RefusalLog>();
        var refused = log is null ? Nothing() : RefusedAsync(log, from, to, r => (org is null || r.OrgId == org) && (keyId is null || r.KeyId == keyId), ct);
        var merged = MergedAsync(forwarded, refused);
        return csv ? new RequestLogCsv(merged, $"requests-{org ?? "all"}.csv") : new RequestLogJson(merged);
    }

    static UsageQuery Query(string org, string? keyId, DateTimeOffset from, DateTimeOffset to) =>
        new() { OrgId = org, From = from, To = to, KeyId = keyId, Sort = UsageSort.TimeAsc, Limit = UsageQuery.MaxLimit };

    static async IAsyncEnumerable<RequestLogEntry> ForwardedAsync(IUsageLedger ledger, UsageQuery query, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        for (var page = await ledger.QueryAsync(query, ct); ; page = await ledger.QueryAsync(query with { Cursor = page.NextCursor }, ct))
        {
            foreach (var record in page.Records)
            {
                yield return Of(UsageView.Of(record));
            }
            if (page.NextCursor is null)
            {
                yield break;
            }
        }
    }

    static async IAsyncEnumerable<RequestLogEntry> RefusedAsync(
        RefusalLog log, DateTimeOffset from, DateTimeOffset to, Func<RefusedRequest, bool> wanted, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var refused in log.ReadAsync(from, to, ct))
        {
            if (wanted(refused))
            {
                yield return Of(refused);
            }
        }
    }

    static async IAsyncEnumerable<RequestLogEntry> MergedAsync(IAsyncEnumerable<RequestLogEntry> one, IAsyncEnumerable<RequestLogEntry> other)
    {
        await using var left = one.GetAsyncEnumerator();
        await using var right = other.GetAsyncEnumerator();
        var (hasLeft, hasRight) = (await left.MoveNextAsync(), await right.MoveNextAsync());
        while (hasLeft || hasRight)
        {
            if (!hasRight || (hasLeft && left.Current.Ts <= right.Current.Ts))
            {
                yield return left.Current;
                hasLeft = await left.MoveNextAsync();
            }
            else
            {
                yield return right.Current;
                hasRight = await right.MoveNextAsync();
            }
        }
    }

#pragma warning disable CS1998 // an empty sequence waits for nothing
    static async IAsyncEnumerable<RequestLogEntry> Nothing()
#pragma warning restore CS1998
    {
        yield break;
    }

    static RequestLogEntry Of(UsageEntry e) => new()
    {
        Ts = e.Ts,
        RequestId = e.RequestId,
        OrgId = e.OrgId,
        TeamId = e.TeamId,
        KeyId = e.KeyId,
        RunnerId = e.RunnerId,
        SessionId = e.SessionId,
        ClientIp = e.ClientIp,
        Outcome = e.Status,
        StatusCode = e.StatusCode,
        Provider = e.Provider,
        Model = e.Model,
        Endpoint = e.Endpoint,
        PromptTokens = e.PromptTokens,
        CompletionTokens = e.CompletionTokens,
        CostUsd = e.CostUsd,
        LatencyMs = e.LatencyMs,
    };

    static RequestLogEntry Of(RefusedRequest r) => new()
    {
        Ts = r.Ts,
        RequestId = r.RequestId,
        OrgId = r.OrgId,
        TeamId = r.TeamId,
        KeyId = r.KeyId,
        KeyPrefix = r.KeyPrefix,
        ClientIp = r.ClientIp,
        Outcome = "refused",
        Code = r.Code,
        StatusCode = r.StatusCode,
        Endpoint = r.Endpoint,
        LatencyMs = r.LatencyMs,
    };
}

/// <summary>The request log as CSV, as it is read.</summary>
sealed class RequestLogCsv(IAsyncEnumerable<RequestLogEntry> entries, string fileName) : IResult
{
    /// <summary>Rows between flushes.</summary>
    const int FlushEvery = 500;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        await using var csv = Csv.Begin(httpContext.Response, fileName);
        await csv.WriteAsync(
            "ts", "request_id", "org_id", "team_id", "key_id", "key_prefix", "runner_id", "session_id", "client_ip", "outcome", "code", "status_code", "provider", "model", "endpoint",
            "prompt_tokens", "completion_tokens", "cost_usd", "cost_nano_usd", "latency_ms");
        var rows = 0;
        await foreach (var e in entries.WithCancellation(httpContext.RequestAborted))
        {
            await csv.WriteAsync(
                e.Ts, e.RequestId, e.OrgId, e.TeamId, e.KeyId, e.KeyPrefix, e.RunnerId, e.SessionId, e.ClientIp, e.Outcome, e.Code, e.StatusCode, e.Provider, e.Model, e.Endpoint,
                e.PromptTokens, e.CompletionTokens, e.CostUsd, e.CostNanoUsd, e.LatencyMs);
            if (++rows % FlushEvery == 0)
            {
                await csv.FlushAsync();
            }
        }
    }
}

/// <summary>The request log as one JSON object, written as it is read.</summary>
sealed class RequestLogJson(IAsyncEnumerable<RequestLogEntry> entries) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "application/json; charset=utf-8";
        var body = httpContext.Response.BodyWriter;
        await using var json = new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteStartArray("data");
        await foreach (var entry in entries.WithCancellation(httpContext.RequestAborted))
        {
            JsonSerializer.Serialize(json, entry, AdminJson.Default.RequestLogEntry);
            if (json.BytesPending > 1 << 14)
            {
                json.Flush();
                await body.FlushAsync(httpContext.RequestAborted);
            }
        }
        json.WriteEndArray();
        json.WriteNull("next_cursor");
        json.WriteEndObject();
        json.Flush();
        await body.FlushAsync(httpContext.RequestAborted);
    }
}
