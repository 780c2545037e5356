using System.Text.Encodings.Web;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Access;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Admin;

/// <summary>What every admin request passes, in this order: off the socket's thread, authentication, the endpoint's right, its query parameters, the endpoint; errors are written here.</summary>
static partial class AdminPipeline
{
    // As all other answers of the admin plane: people read messages with curl, and quotes are not \u0022 to them.
    static readonly AdminJson Json = new(new JsonSerializerOptions(AdminJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>Puts all of the above around every endpoint of the group. An endpoint that asks for no right fails the start.</summary>
    public static RouteGroupBuilder WithAdminDefaults(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Finally(static endpoint =>
        {
            var right = endpoint.Metadata.OfType<RequiredRight>().LastOrDefault()
                ?? throw new InvalidOperationException($"The admin endpoint {endpoint.DisplayName} asks for no right; say Requires(...).");
            var inner = endpoint.RequestDelegate ?? throw new InvalidOperationException($"The admin endpoint {endpoint.DisplayName} does nothing.");
            var parameters = QueryParameters.Of(endpoint);
            endpoint.RequestDelegate = context => RunAsync(context, right.Right, parameters, inner);
        });
        return group;
    }

    /// <summary>Says who may call the endpoint.</summary>
    public static RouteHandlerBuilder Requires(this RouteHandlerBuilder endpoint, AdminRight right) => endpoint.WithMetadata(new RequiredRight(right));

    /// <summary>Lets everybody call the endpoint; it looks itself at who does.</summary>
    public static RouteHandlerBuilder RequiresNothing(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new RequiredRight(Right: null));

    /// <summary>Writes a refusal as the answer.</summary>
    public static Task WriteAsync(HttpResponse response, Refusal refusal)
    {
        response.StatusCode = refusal.Status;
        if (refusal.Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }
        if (refusal.Allow is { } methods)
        {
            response.Headers.Allow = string.Join(", ", methods);
        }
        var answer = new ErrorAnswer(new ErrorBody
        {
            Message = refusal.Message,
            Type = refusal.Type,
            Param = refusal.Param,
            Code = refusal.Code,
            GatewayErrorCode = refusal.GatewayErrorCode,
            Remediation = refusal.Remediation,
        });
        return response.WriteAsJsonAsync(answer, Json.ErrorAnswer);
    }

    static async Task RunAsync(HttpContext context, AdminRight? required, IReadOnlyList<string>? parameters, RequestDelegate inner)
    {
        // The data plane may run on the sockets' threads; nothing here does, because the stores may block.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        var services = context.RequestServices;
        try
        {
            if (required is { } right)
            {
                var actor = await services.GetRequiredService<AdminGate>().AuthenticateAsync(context);
                if (!actor.May(right))
                {
                    throw Refusal.Forbidden($"The role {Choice.Word(actor.Role)} may not do this.");
                }
                context.Features.Set(new AdminCall(context, actor, services.GetRequiredService<Catalogue>(), services.GetRequiredService<TimeProvider>()));
            }
            if (parameters is not null)
            {
                QueryParameters.Check(context.Request.Query, parameters);
            }
            await inner(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be answered.
        }
#pragma warning disable CA1031 // the last place where an error can become an answer
        catch (Exception failure)
#pragma warning restore CA1031
        {
            await AnswerAsync(context, failure, services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AdminPipeline)));
        }
    }

    static async Task AnswerAsync(HttpContext context, Exception failure, ILogger logger)
    {
        var refusal = Explain(failure);
        if (refusal is null)
        {
            Log.Failed(logger, context.Request.Method, context.GetEndpoint()?.DisplayName, failure);
            refusal = new Refusal(500, "internal_error", "GW_INT_001", "The gateway failed to serve this request; its log says why.");
        }
        if (refusal.Status == StatusCodes.Status401Unauthorized)
        {
            context.RequestServices.GetRequiredService<RefusedAccess>().OnAdminPlane(context);
        }
        if (context.Response.HasStarted)
        {
            Log.CutOff(logger, context.GetEndpoint()?.DisplayName, failure);
            context.Abort();
            return;
        }
        context.Response.Clear();
        if (refusal.Status == StatusCodes.Status401Unauthorized && SessionCookie.Of(context.Request) is not null)
        {
            SessionCookie.Clear(context);
        }
        await WriteAsync(context.Response, refusal);
    }

    static Refusal? Explain(Exception failure) => failure switch
    {
        Refusal refusal => refusal,
        InvalidCursorException => Refusal.InvalidField("cursor", "is not a cursor of this list; send next_cursor of the page before, or none"),
        ConfigConflictException => Refusal.Conflict("Somebody else changed this at the same moment; read it again and repeat the change."),
        LedgerUnavailableException => Refusal.StoreAway("The ledger does not answer."),
        CounterStoreUnavailableException => Refusal.StoreAway("The budget store does not answer."),
        AlertStoreUnavailableException => Refusal.StoreAway("The store of alerts does not answer."),
        ConfigStoreUnavailableException => Refusal.StoreAway("The configuration store does not answer."),
        RecordsOnTheirWayException late => Refusal.StoreAway(late.Message),
        TimeoutException => Refusal.StoreAway("A store took too long to answer."),
        BadHttpRequestException { StatusCode: 413 } => new Refusal(413, "body_too_large", "GW_REQ_004", $"The body is larger than {AdminOptions.MaxBodyBytes} bytes."),
        BadHttpRequestException bad => new Refusal(bad.StatusCode, "bad_request", "GW_REQ_001", "The request is malformed."),
        _ => null,
    };

    sealed record RequiredRight(AdminRight? Right);

    static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Error, "The admin request {Method} {Endpoint} failed.")]
        public static partial void Failed(ILogger logger, string method, string? endpoint, Exception failure);

        [LoggerMessage(3102, LogLevel.Warning, "The answer of {Endpoint} was cut off.")]
        public static partial void CutOff(ILogger logger, string? endpoint, Exception failure);
    }
}
