using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Alerts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Alerts;

/// <summary>The events of an org, or of all.</summary>
static class AlertEndpoints
{
    public static RouteGroupBuilder MapAlerts(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/alerts", ListAsync).WithName("ListAlerts").WithTags("Alerts").Requires(AdminRight.Read);
        return gateway;
    }

    static async Task<Ok<Page<Alert>>> ListAsync(string? type, string? since, string? limit, string? cursor, AdminCall call, IAlertStore alerts, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var org = call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        var query = new AlertQuery(org, Types(type), Times.Instant("since", since), Paging.After(cursor), count + 1);
        return TypedResults.Ok(Paging.Page(await alerts.EventsAsync(query, ct), count, e => e.Id, View));
    }

    static List<string>? Types(string? text)
    {
        if (text is null)
        {
            return null;
        }
        List<string> types = [];
        foreach (var word in text.Split(','))
        {
            types.Add(Choice.TryParse<AlertType>(word, out var type) ? Choice.Word(type) : throw Refusal.InvalidField("type", $"must be of {string.Join(", ", Choice.All<AlertType>())}, joined by commas"));
        }
        return types.Count <= Choice.All<AlertType>().Count ? types : throw Refusal.InvalidField("type", "names a kind twice");
    }

    static Alert View(AlertEvent raised) => new()
    {
        EventId = raised.Id,
        Type = Choice.TryParse<AlertType>(raised.Type, out var type) ? type : throw new InvalidDataException($"A stored event is of the unknown kind {raised.Type}."),
        OrgId = raised.OrgId,
        Subject = raised.Subject,
        At = raised.At,
        Data = JsonNode.Parse(raised.DataJson) ?? new JsonObject(),
    };
}
