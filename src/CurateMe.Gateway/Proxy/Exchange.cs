using System.Globalization;
using CurateMe.Client;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>One request on its way, and what its answer's headers will say.</summary>
sealed class Exchange(HttpContext http, Dialect dialect, RequestId id, DateTimeOffset admitted, long started)
{
    NanoUsd cost;
    NanoUsd? daySpent;
    bool dayAsked;
    RateFigures rate;
    double governanceMs = -1;
    bool recorded;
    long lap = System.Diagnostics.Stopwatch.GetTimestamp();

    public HttpContext Http { get; } = http;
    public Dialect Dialect { get; } = dialect;
    public RequestId Id { get; } = id;

    /// <summary>The same, as it is written.</summary>
    public string IdText => field ??= Id.ToString();

    /// <summary>When the request arrived.</summary>
    public DateTimeOffset Admitted { get; } = admitted;

    /// <summary>Timestamp of the same instant, for durations.</summary>
    public long Started { get; } = started;
    public Principal? Principal { get; set; }

    /// <summary>What was sent, once it is read; the pipeline gives it back at the end.</summary>
    public RequestBody? Body { get; set; }

    /// <summary>Takes the time of each stage; null where nobody wants it.</summary>
    public StageTimes? Stages { get; init; }

    /// <summary>Ends a stage; the next one begins.</summary>
    public void Lap(Stage stage)
    {
        if (Stages is { } stages)
        {
            var now = System.Diagnostics.Stopwatch.GetTimestamp();
            stages.Record(stage, now - lap);
            lap = now;
        }
    }

    public string? ApprovalId { get; set; }

    /// <summary>Null for requests without an idempotency key.</summary>
    public Idempotency.Claim? Claim { get; set; }

    /// <summary>Cancelled when the client's connection is gone. Asked for once: the server takes a lock for it.</summary>
    public CancellationToken Aborted { get; } = http.RequestAborted;

    public bool ClientLeft => Aborted.IsCancellationRequested;

    /// <summary>The figures of a hold that was taken or refused.</summary>
    public void Held(in HoldOutcome outcome)
    {
        cost = outcome.Granted;
        Tell(!outcome.NonAtomic, outcome.OrgDaySpent);
        rate = outcome.Rate;
        Principal!.Rate.Saw(in rate);
    }

    /// <summary>The figures of a settlement; the request has a usage record.</summary>
    public void Settled(NanoUsd actual, EndOutcome end)
    {
        recorded = true;
        cost = actual;
        Tell(end.Told, end.OrgDaySpent);
    }

    // Counters that are away tell nothing, and the header is left out rather than wrong; they are not asked another time.
    void Tell(bool known, NanoUsd spent)
    {
        daySpent = known ? spent : null;
        dayAsked = true;
    }

    /// <summary>Milliseconds that were spent before the request was forwarded or refused.</summary>
    public void Governed(double milliseconds) => governanceMs = governanceMs < 0 ? milliseconds : governanceMs;

    /// <summary>Writes the gateway's headers; call it once, before the answer begins.</summary>
    public void WriteHeaders()
    {
        var headers = Http.Response.Headers;
        headers["X-CM-Request-ID"] = IdText;
        headers["X-CM-Cost"] = cost.ToString();
        headers["X-CM-Governance-Time-Ms"] = Milliseconds(governanceMs);
        if (Principal is not null)
        {
            if (daySpent is { } spent)
            {
                headers["X-CM-Daily-Cost"] = spent.ToString();
            }
            headers["X-CM-Daily-Budget"] = Principal.DailyBudget;
            if (rate.Limit == 0)
            {
                rate = Principal.Rate.Of(Principal.Path);
            }
        }
        if (rate.Limit > 0)
        {
            headers["X-RateLimit-Limit"] = rate.Limit.ToString(CultureInfo.InvariantCulture);
            headers["X-RateLimit-Remaining"] = rate.Remaining.ToString(CultureInfo.InvariantCulture);
            headers["X-RateLimit-Reset"] = Seconds(rate.ResetMs);
        }
        if (ApprovalId is not null)
        {
            headers["X-CM-Approval-ID"] = ApprovalId;
        }
    }

    /// <summary>The same, also where no hold has told what the org spent today.</summary>
    public async ValueTask WriteHeadersAsync()
    {
        if (Principal is not null && !dayAsked)
        {
            dayAsked = true;
            daySpent = await Http.RequestServices.GetRequiredService<DaySpend>().OfAsync(Principal.OrgId);
        }
        WriteHeaders();
    }

    /// <summary>What a stream's end tells.</summary>
    public const string TrailerNames = "X-CM-Cost, X-CM-Daily-Cost, X-CM-Daily-Budget";

    /// <summary>The settled figures, for a stream's end.</summary>
    public (string Name, string Value)[] Trailers() => daySpent is { } spent
        ? [("X-CM-Cost", cost.ToString()), ("X-CM-Daily-Cost", spent.ToString()), ("X-CM-Daily-Budget", Principal!.DailyBudget)]
        : [("X-CM-Cost", cost.ToString()), ("X-CM-Daily-Budget", Principal!.DailyBudget)];

    /// <summary>Announces the trailers where the server sends them itself.</summary>
    public void DeclareTrailers()
    {
        if (Http.Response.SupportsTrailers())
        {
            Http.Response.Headers.Trailer = TrailerNames;
        }
    }

    /// <summary>Hands the trailers to the server.</summary>
    public void AppendTrailers()
    {
        if (Http.Response.SupportsTrailers())
        {
            foreach (var (name, value) in Trailers())
            {
                Http.Response.AppendTrailer(name, value);
            }
        }
    }

    /// <summary>Answers with a refusal, in the shape that the dialect's clients expect.</summary>
    public async Task RefuseAsync(RefusedException refusal)
    {
        if (!recorded)
        {
            RefusalLog.Note(this, refusal.Code);
        }
        var response = Http.Response;
        if (response.HasStarted || ClientLeft)
        {
            Http.Abort();
            return;
        }
        response.Clear();
        response.StatusCode = refusal.Code.Status;
        response.ContentType = "application/json";
        if (refusal.Code.Final)
        {
            response.Headers["x-should-retry"] = "false";
        }
        if (refusal.RetryAfterMs > 0)
        {
            response.Headers.RetryAfter = Seconds(refusal.RetryAfterMs);
        }
        foreach (var (name, value) in refusal.FromProvider)
        {
            response.Headers[name] = value;
        }
        await WriteHeadersAsync();
        var body = Dialect.Errors.Body(refusal, IdText);
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, Aborted);
    }

    /// <summary>Answers that a person must decide first: 202, and nothing was forwarded or held.</summary>
    public async Task AwaitApprovalAsync(PendingApproval pending)
    {
        ApprovalId = pending.ApprovalId;
        cost = pending.EstimatedCost;
        Http.Response.StatusCode = StatusCodes.Status202Accepted;
        await WriteHeadersAsync();
        await Http.Response.WriteAsJsonAsync(pending, AdminJson.Default.PendingApproval, contentType: null, Aborted);
    }

    // To the microsecond; a custom format would cost more than the hold.
    static string Milliseconds(double value)
    {
        var microseconds = (long)Math.Max(0, value * 1000);
        return string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000}.{microseconds % 1000:D3}");
    }

    // Whole seconds, rounded up: whoever waits that long finds room.
    static string Seconds(int milliseconds) => ((milliseconds + 999) / 1000).ToString(CultureInfo.InvariantCulture);
}
