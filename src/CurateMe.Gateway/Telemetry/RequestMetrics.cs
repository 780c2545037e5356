using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using CurateMe.Client;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Telemetry;

/// <summary>
/// Counts of the data plane: instruments for exporters, and running totals for the admin plane. What has labels is counted in cells of its own and only read by
/// instruments, so that a request costs the same whether somebody looks or not.
/// </summary>
sealed class RequestMetrics
{
    public const string MeterName = "CurateMe.Gateway";

    /// <summary>OpenTelemetry's instruments for generative AI; only OTLP listens to them.</summary>
    public const string GenAiMeterName = "CurateMe.Gateway.GenAi";

    readonly ConcurrentDictionary<SettledKind, Cell> settled = new();
    readonly ConcurrentDictionary<string, Cell> refused = new(StringComparer.Ordinal);
    readonly Histogram<double> governance;
    readonly Histogram<double> duration;
    readonly Histogram<long> tokens;
    readonly Histogram<double> operation;
    long settledTotal;
    long refusedTotal;

    readonly AddedLatency added;
    readonly DenialTally denials;

    public RequestMetrics(IMeterFactory meters, AddedLatency added, DenialTally denials)
    {
        (this.added, this.denials) = (added, denials);
        var meter = meters.Create(MeterName);
        meter.CreateObservableCounter("gateway.requests.settled", () => settled.Select(static s => s.Key.Measure(Interlocked.Read(ref s.Value.Count))), "{request}", "Requests that were forwarded and ended in a record.");
        meter.CreateObservableCounter("gateway.spend", () => settled.Select(static s => s.Key.Measure(Interlocked.Read(ref s.Value.Spent))), "{nanodollar}", "What they cost, in billionths of a US dollar.");
        meter.CreateObservableCounter(
            "gateway.requests.refused", () => refused.Select(static r => new Measurement<long>(Interlocked.Read(ref r.Value.Count), new KeyValuePair<string, object?>("error.type", r.Key))), "{request}", "Requests that the gateway answered itself, by code.");
        meter.CreateObservableGauge("gateway.stage.duration", StageQuantiles, "s", "Time of each stage of a request in the last minutes, by quantile.");
        governance = meter.CreateHistogram<double>("gateway.governance.duration", "s", "Time from arrival until forwarded or refused.");
        duration = meter.CreateHistogram<double>("gateway.request.duration", "s", "Time from arrival until settled.");
        var genAi = meters.Create(GenAiMeterName);
        tokens = genAi.CreateHistogram<long>("gen_ai.client.token.usage", "{token}", "Tokens that were used.");
        operation = genAi.CreateHistogram<double>("gen_ai.client.operation.duration", "s", "Duration of a call, retries and fallbacks included.");
    }

    public StageTimes Stages { get; } = new();
    public long Settled => Interlocked.Read(ref settledTotal);
    public long Refused => Interlocked.Read(ref refusedTotal);

    /// <summary>Called with every record that has settled here. Must not block or throw.</summary>
    public event Action<UsageRecord>? RecordSettled;

    public void OnForward(double seconds)
    {
        added.Add(seconds);
        if (governance.Enabled)
        {
            governance.Record(seconds);
        }
    }

    public void OnSettled(UsageRecord record, HttpContext http)
    {
        Interlocked.Increment(ref settledTotal);
        RecordSettled?.Invoke(record);
        var cell = settled.GetOrAdd(new SettledKind(record.Provider, record.Endpoint, record.Status, record.Source), static _ => new Cell());
        Interlocked.Increment(ref cell.Count);
        Interlocked.Add(ref cell.Spent, record.Cost.Value);
        if (duration.Enabled)
        {
            duration.Record(record.LatencyMs / 1000.0);
        }
        if (tokens.Enabled)
        {
            OfGenAi(record);
        }
        if (RequestTraces.On)
        {
            RequestTraces.Settled(record, http);
        }
    }

    public void OnRefused(ErrorCode code, Exchange exchange)
    {
        denials.Add(exchange.Principal?.OrgId, code.Code);
        Interlocked.Increment(ref refusedTotal);
        Interlocked.Increment(ref refused.GetOrAdd(code.Code, static _ => new Cell()).Count);
        if (RequestTraces.On)
        {
            RequestTraces.Refused(code, exchange);
        }
    }

    void OfGenAi(UsageRecord record)
    {
        KeyValuePair<string, object?> name = new("gen_ai.operation.name", RequestTraces.Operation(record.Endpoint));
        KeyValuePair<string, object?> provider = new("gen_ai.provider.name", RequestTraces.Provider(record.Provider));
        KeyValuePair<string, object?> asked = new("gen_ai.request.model", record.RequestedModel);
        KeyValuePair<string, object?> answered = new("gen_ai.response.model", record.Model);
        var usage = record.Usage;
        tokens.Record(usage.PromptTokens, [name, provider, asked, answered, new("gen_ai.token.type", "input")]);
        tokens.Record(usage.CompletionTokens, [name, provider, asked, answered, new("gen_ai.token.type", "output")]);
        operation.Record(record.LatencyMs / 1000.0, [name, provider, asked, answered]);
    }

    IEnumerable<Measurement<double>> StageQuantiles()
    {
        foreach (var stage in Stages.Figures())
        {
            yield return Quantile(stage, "0.5", stage.P50Ms);
            yield return Quantile(stage, "0.95", stage.P95Ms);
            yield return Quantile(stage, "0.99", stage.P99Ms);
        }
    }

    static Measurement<double> Quantile(StageFigures stage, string quantile, double milliseconds) =>
        new(milliseconds / 1000, new KeyValuePair<string, object?>("stage", stage.Stage), new KeyValuePair<string, object?>("quantile", quantile));

    sealed class Cell
    {
        public long Count;
        public long Spent;
    }

    // Rows, endpoints and two small enums: the configuration bounds how many there are.
    readonly record struct SettledKind(string Provider, string Endpoint, RecordStatus Status, UsageSource Source)
    {
        public Measurement<long> Measure(long value) => new(
            value,
            new KeyValuePair<string, object?>("gen_ai.provider.name", Provider), new KeyValuePair<string, object?>("gateway.endpoint", Endpoint),
            new KeyValuePair<string, object?>("gateway.status", Choice.Word(Status)), new KeyValuePair<string, object?>("gateway.usage_source", Choice.Word(Source)));
    }
}
