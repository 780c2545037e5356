using System.Globalization;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Records;
using CurateMe.Resp;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Dashboard;

/// <summary>The records that wait to be replayed, oldest first; who, when and how much, never more.</summary>
static class DeadLetterEndpoints
{
    public static RouteGroupBuilder MapDeadLetters(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/dlq", ListAsync).WithName("ListDeadLetters").WithTags("Operations").Requires(AdminRight.Platform);
        return gateway;
    }

    // A place in a list that shortens at its head: what was replayed in between is not missed, as it is no longer there.
    static async Task<Ok<Page<DeadLetter>>> ListAsync(string? limit, string? cursor, GatewayFigures figures, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var from = Paging.After(cursor) is not { } text ? 0L
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? place
            : throw Refusal.InvalidField("cursor", "is not a cursor of this list; send next_cursor of the page before, or none");
        try
        {
            var records = await figures.ListDlq(from, count + 1, ct);
            return TypedResults.Ok(Paging.Page(records, count, _ => (from + count).ToString(CultureInfo.InvariantCulture), View));
        }
        catch (RespException)
        {
            // An empty list would say that nothing is set aside.
            throw ReconcileEndpoints.ListAway();
        }
    }

    static DeadLetter View(UsageRecord record) => new()
    {
        RequestId = record.Id.ToString(),
        OrgId = record.OrgId,
        TeamId = record.TeamId,
        KeyId = record.KeyId,
        Provider = record.Provider,
        Model = record.Model,
        Status = Choice.Word(record.Status),
        CostUsd = record.Cost,
        Ts = record.Timestamp,
    };
}
