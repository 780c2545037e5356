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
    readonly AddedLatency added;
    readonly DenialTally denials;
    long settledTotal;
    long refusedTotal;

    public RequestMetrics(IMeterFactory meters, AddedLatency added, DenialTally denials)
    {
        (this.added, this.denials) = (added, denials);
        var meter = meters.Create(MeterName);
        settled = meter.CreateCounter<long>("gateway.requests.settled", "{request}", "Requests that were forwarded and ended in a record.");
        refused = meter.CreateCounter<long>("gateway.requests.refused", "{request}", "Requests that the gateway answered itself, by code.");
        governance = meter.CreateHistogram<double>("gateway.governance.duration", "s", "Time from arrival until forwarded or refused.");
        duration = meter.CreateHistogram<double>("gateway.request.duration", "s", "Time from arrival until settled.");
    }

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

    public void OnSettled(UsageRecord record)
    {
        Interlocked.Increment(ref settledTotal);
        RecordSettled?.Invoke(record);
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

    /// <param name="orgId">Whose request it was; null when nobody knows.</param>
    public void OnRefused(ErrorCode code, string? orgId)
    {
        denials.Add(orgId, code.Code);
        Interlocked.Increment(ref refusedTotal);
        if (refused.Enabled)
        {
            refused.Add(1, new KeyValuePair<string, object?>("error.type", code.Code));
        }
    }
}
