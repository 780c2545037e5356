using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using CurateMe.Gateway.Telemetry;

namespace CurateMe.Gateway.Alerts;

/// <summary>Counts of events and of attempts to deliver them.</summary>
sealed class AlertMetrics
{
    readonly ConcurrentDictionary<string, StrongBox<long>> raised = new(StringComparer.Ordinal);
    long taken;
    long notTaken;

    public AlertMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(RequestMetrics.MeterName);
        meter.CreateObservableCounter(
            "gateway.alerts.raised", () => raised.Select(static r => new Measurement<long>(Interlocked.Read(ref r.Value.Value), new KeyValuePair<string, object?>("type", r.Key))), "{event}", "Events that this gateway was the first to tell, by kind.");
        meter.CreateObservableCounter(
            "gateway.webhook.attempts", () => new[] { Attempts(Interlocked.Read(ref taken), "taken"), Attempts(Interlocked.Read(ref notTaken), "not_taken") }, "{attempt}", "Messages sent to webhooks, by what came of it.");
    }

    public void OnRaised(string type) => Interlocked.Increment(ref raised.GetOrAdd(type, static _ => new StrongBox<long>()).Value);

    public void OnAttempt(bool wasTaken) => Interlocked.Increment(ref wasTaken ? ref taken : ref notTaken);

    static Measurement<long> Attempts(long count, string outcome) => new(count, new KeyValuePair<string, object?>("outcome", outcome));
}
