using CurateMe.Client;
using CurateMe.Gateway.Dashboard;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Mvc;

namespace CurateMe.Gateway.Admin;

/// <summary>Which usage records are asked for.</summary>
sealed record UsageFilter
{
    [FromQuery(Name = "limit")] public string? Limit { get; init; }
    [FromQuery(Name = "cursor")] public string? Cursor { get; init; }
    [FromQuery(Name = "sort")] public string? Sort { get; init; }
    [FromQuery(Name = "key_id")] public string? KeyId { get; init; }
    [FromQuery(Name = "team_id")] public string? TeamId { get; init; }
    [FromQuery(Name = "runner_id")] public string? RunnerId { get; init; }
    [FromQuery(Name = "session_id")] public string? SessionId { get; init; }
    [FromQuery(Name = "model")] public string? Model { get; init; }
    [FromQuery(Name = "provider")] public string? Provider { get; init; }
    [FromQuery(Name = "from")] public string? From { get; init; }
    [FromQuery(Name = "to")] public string? To { get; init; }
    [FromQuery(Name = "status")] public string? Status { get; init; }
    [FromQuery(Name = "usage_source")] public string? UsageSource { get; init; }

    /// <summary>One tag with its value: <c>name=value</c>.</summary>
    [FromQuery(Name = "tag")] public string? Tag { get; init; }

    /// <summary><c>json</c> or <c>csv</c>.</summary>
    [FromQuery(Name = "format")] public string? Format { get; init; }

    /// <exception cref="Refusal">A parameter makes no sense.</exception>
    public UsageQuery For(string orgId) => new()
    {
        OrgId = orgId,
        Limit = Paging.Limit(Limit, standard: 50),
        Cursor = string.IsNullOrEmpty(Cursor) ? null : Text("cursor", Cursor),
        Sort = Word<UsageSort>("sort", Sort) ?? UsageSort.TimeDesc,
        KeyId = Text("key_id", KeyId),
        TeamId = Text("team_id", TeamId),
        RunnerId = Text("runner_id", RunnerId),
        SessionId = SessionId is null || RunnerId is null ? Text("session_id", SessionId) : Keys.Principal.SessionNodeId(RunnerId, SessionId),
        Model = Text("model", Model),
        Provider = Text("provider", Provider),
        From = Times.Instant("from", From),
        To = Times.Instant("to", To),
        Status = Word<RecordStatus>("status", Status),
        Source = Word<UsageSource>("usage_source", UsageSource),
        Tag = TagOf(Text("tag", Tag)),
    };

    static string? TagOf(string? tag) =>
        tag is null || (tag.IndexOf('=', StringComparison.Ordinal) > 0 && !tag.Contains(',', StringComparison.Ordinal)) ? tag : throw Refusal.InvalidField("tag", "must be one tag with its value, such as feature=search");

    static string? Text(string param, string? text) =>
        text is null || (text.Length <= 512 && !text.Any(char.IsControl)) ? text : throw Refusal.InvalidField(param, "is too long or holds control characters");

    static T? Word<T>(string param, string? word) where T : struct, Enum =>
        word is null ? null
        : Choice.TryParse<T>(word, out var value) ? value
        : throw Refusal.InvalidField(param, $"must be one of {string.Join(", ", Choice.All<T>())}");
}

/// <summary>The usage records of an org, as JSON pages or as CSV of any length.</summary>
static class UsageEndpoints
{
    public static RouteGroupBuilder MapUsage(this RouteGroupBuilder admin)
    {
        var usage = admin.MapGroup("/gateway/usage").WithTags("Usage");
        usage.MapGet("", ListAsync).WithName("ListUsage").Produces<Page<UsageEntry>>().WithMetadata(new ApiDocument.AlsoCsv()).Requires(AdminRight.Read);
        usage.MapGet("/{request}", GetAsync).WithName("GetUsage").Produces<UsageEntry>().Requires(AdminRight.Read);
        return usage;
    }

    static async Task<IResult> ListAsync([AsParameters] UsageFilter filter, HttpContext context, AdminCall call, LedgerReads reads, CancellationToken ct)
    {
        var csv = Csv.IsWanted(filter.Format, context.Request);
        var query = filter.For("");
        var org = await call.OrgAsync(ct);
        query = query with { OrgId = org.Id };
        var ledger = await reads.CaughtUpAsync(ct);
        if (csv)
        {
            // A limit bounds a CSV only when it is said.
            return new UsageCsv(ledger, query with { Limit = UsageQuery.MaxLimit }, filter.Limit is null ? null : query.Limit);
        }
        var page = await ledger.QueryAsync(query, ct);
        return TypedResults.Ok(new Page<UsageEntry>([.. page.Records.Select(UsageView.Of)], page.NextCursor));
    }

    static async Task<IResult> GetAsync(string request, AdminCall call, LedgerReads reads, IServiceProvider services, CancellationToken ct)
    {
        var org = await call.OrgAsync(ct);
        var record = RequestId.TryParse(request, out var id) ? await (await reads.CaughtUpAsync(ct)).FindAsync(org.Id, id, ct) : null;
        return record is null ? throw Refusal.NotFound("request", request) : TypedResults.Ok(UsageView.Of(record) with { Story = RequestStory.Of(record, PriceEndpoints.InForce(services)) });
    }
}
