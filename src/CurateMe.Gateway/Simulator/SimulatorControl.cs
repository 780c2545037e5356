using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>The simulator's own endpoints, under <c>/_sim</c>: read the bill, set how calls are answered.</summary>
internal static class SimulatorControl
{
    public static void Map(IEndpointRouteBuilder app, ProviderSimulator simulator)
    {
        var bill = simulator.Bill;
        RequestDelegate page = context => Write(context, JsonSerializer.SerializeToUtf8Bytes(
            bill.Page(Query(context, "since", 0), (int)Math.Min(Query(context, "limit", 1000), Bill.MaxPage)), BillJson.Default.BillPage));
        RequestDelegate totals = context => Write(context, JsonSerializer.SerializeToUtf8Bytes(bill.Totals(), BillJson.Default.BillTotals));
        RequestDelegate clear = context =>
        {
            bill.Clear();
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        };
        RequestDelegate reset = context =>
        {
            simulator.Behaviours.Reset();
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        };
        RequestDelegate set = context => SetBehaviour(context, simulator.Behaviours);
        RequestDelegate health = context => Write(context, "{\"status\":\"healthy\"}"u8.ToArray());
        app.MapMethods("/_sim/bill", ["GET"], page);
        app.MapMethods("/_sim/bill/totals", ["GET"], totals);
        app.MapMethods("/_sim/bill", ["DELETE"], clear);
        app.MapMethods("/_sim/behaviour", ["PUT"], set);
        app.MapMethods("/_sim/behaviour", ["DELETE"], reset);
        app.MapMethods("/_sim/health", ["GET"], health);
    }

    /// <summary>Replaces the defaults by the object sent; with <c>"next":N</c> the next N calls only.</summary>
    static async Task SetBehaviour(HttpContext context, BehaviourBoard board)
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
            var behaviour = Behaviour.Default.Apply(document.RootElement);
            if (document.RootElement.TryGetProperty("next", out var next))
                board.SetNext(behaviour, next.TryGetInt32(out var calls) && calls > 0 ? calls : throw new FormatException("'next' is a number of calls above 0"));
            else
                board.SetDefaults(behaviour);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await Write(context, new ProviderError(400, e.Message).Body(Dialect.OpenAi, "").ToArray());
        }
    }

    static long Query(HttpContext context, string name, long otherwise) =>
        long.TryParse(context.Request.Query[name].ToString(), out var value) && value >= 0 ? value : otherwise;

    static async Task Write(HttpContext context, byte[] json)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted);
    }
}
