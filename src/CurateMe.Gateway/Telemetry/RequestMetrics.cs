using System.Diagnostics;
using System.Diagnostics.Metrics;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Telemetry;

/// <summary>Counts of the data plane: instruments for exporters, and running totals for the admin plane.</summary>
sealed class RequestMetrics
{
    public const string MeterName = "CurateMe.Gateway";

    readonly Counter<long> settled;
    readonly Counter<long> refused;
    readonly Histogram<double> governance;
    readonly Histogram<double> duration;
    long settledTotal;
    long refusedTotal;

    public RequestMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        settled = meter.CreateCounter<long>("gateway.requests.settled", "{request}", "Requests that were forwarded and ended in a record.");
        refused = meter.CreateCounter<long>("gateway.requests.refused", "{request}", "Requests that the gateway answered itself, by code.");
        governance = meter.CreateHistogram<double>("gateway.governance.duration", "s", "Time from arrival until forwarded or refused.");
        duration = meter.CreateHistogram<double>("gateway.request.duration", "s", "Time from arrival until settled.");
    }

    public long Settled => Interlocked.Read(ref settledTotal);
    public long Refused => Interlocked.Read(ref refusedTotal);

    public void OnForward(double seconds)
    {
        if (governance.Enabled)
        {
            governance.Record(seconds);
        }
    }

    public void OnSettled(UsageRecord record)
    {
        Interlocked.Increment(ref settledTotal);
        if (settled.Enabled)
        {
            settled.Add(1, new TagList
            {
                { "gen_ai.provider.name", record.Provider },
                { "gateway.endpoint", record.Endpoint },
                { "gateway.status", record.Status.ToString() },
                { "gateway.usage_source", record.Source.ToString() },
            });
        }
        if (duration.Enabled)
        {
            duration.Record(record.LatencyMs / 1000.0);
        }
    }

    public void OnRefused(ErrorCode code)
    {
        Interlocked.Increment(ref refusedTotal);
        if (refused.Enabled)
        {
            refused.Add(1, new KeyValuePair<string, object?>("error.type", code.Code));
        }
    }
}
