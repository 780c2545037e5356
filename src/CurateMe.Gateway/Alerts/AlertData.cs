using System.Text.Json.Nodes;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Alerts;

/// <summary>Figures of events as JSON: dollars as exact numbers with their nano-dollars beside.</summary>
static class AlertData
{
    public static JsonObject WithMoney(this JsonObject data, string name, NanoUsd? amount)
    {
        data[name] = amount is { } dollars ? JsonNode.Parse(dollars.ToString()) : null;
        data[name + "_nano_usd"] = amount?.Value;
        return data;
    }

    /// <summary>Tenths of a percent, cut off.</summary>
    public static double Percent(NanoUsd part, NanoUsd whole) => whole.Value == 0 ? 100 : (double)((Int128)part.Value * 1_000 / whole.Value) / 10;

    /// <summary>A node and its period with what is spent, held and allowed.</summary>
    public static JsonObject Node(BudgetNode node, PeriodKind period, DateOnly start, NanoUsd spent, NanoUsd held, NanoUsd? limit)
    {
        var data = new JsonObject
        {
            ["node"] = node.Field,
            ["node_kind"] = BudgetNode.KindName(node.Kind),
            ["node_id"] = node.Id,
            ["period"] = PeriodName(period),
            ["period_start"] = period == PeriodKind.Life ? null : start.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
        };
        data.WithMoney("spent", spent).WithMoney("held", held).WithMoney("limit", limit);
        data["pct"] = limit is { } most ? Percent(spent, most) : null;
        return data;
    }

    public static string PeriodName(PeriodKind period) => period switch
    {
        PeriodKind.Day => "day",
        PeriodKind.Month => "month",
        _ => "session",
    };

    /// <summary>First day of the period.</summary>
    public static DateOnly Start(PeriodKind period, DateOnly day) => period switch
    {
        PeriodKind.Day => day,
        PeriodKind.Month => new DateOnly(day.Year, day.Month, 1),
        _ => default,
    };

    public static NanoUsd? Limit(BudgetNode node, PeriodKind period) => period switch
    {
        PeriodKind.Day => node.DailyLimit,
        PeriodKind.Month => node.MonthlyLimit,
        _ => node.LifeLimit,
    };
}
