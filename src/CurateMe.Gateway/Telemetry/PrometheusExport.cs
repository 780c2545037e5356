using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace CurateMe.Gateway.Telemetry;

/// <summary>
/// The gateway's instruments as Prometheus text. Observable ones are read when somebody asks; histograms without tags are added up as they are
/// recorded, in buckets of a fixed number; what else is pushed is kept by its labels.
/// </summary>
sealed class PrometheusExport : IDisposable
{
    /// <summary>Combinations of labels kept for one pushed instrument; further ones are counted without labels.</summary>
    public const int MaxSeries = 1_000;

    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    readonly MeterListener listener = new();
    readonly ConcurrentDictionary<Instrument, Series> all = [];
    readonly Lock reading = new();

    /// <param name="meters">Only meters that it made are listened to.</param>
    public PrometheusExport(IMeterFactory meters)
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == RequestMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                self.EnableMeasurementEvents(instrument, all.GetOrAdd(instrument, static i => new Series(i)));
            }
        };
        listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((Series)state!).Add(value, tags));
        listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((Series)state!).Add(value, tags));
        listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((Series)state!).Add(value, tags));
        listener.Start();
    }

    /// <summary>All of them as they are now.</summary>
    public string Text()
    {
        lock (reading)
        {
            foreach (var series in all.Values)
            {
                series.Begin();
            }
            listener.RecordObservableInstruments();
            var text = new StringBuilder(8_192);
            foreach (var series in all.Values.OrderBy(static s => s.Name, StringComparer.Ordinal))
            {
                series.Write(text);
            }
            return text.ToString();
        }
    }

    public void Dispose() => listener.Dispose();

    sealed class Series
    {
        readonly Instrument instrument;
        readonly string type;
        readonly ConcurrentDictionary<string, double> values = new(StringComparer.Ordinal);
        readonly long[] counts = new long[Bounds.Length + 1];
        double sum;

        public Series(Instrument instrument)
        {
            this.instrument = instrument;
            var kind = instrument.GetType().Name;
            type = kind.StartsWith("Histogram", StringComparison.Ordinal) ? "histogram" : kind.Contains("Gauge", StringComparison.Ordinal) || kind.Contains("UpDown", StringComparison.Ordinal) ? "gauge" : "counter";
            var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", "%" => "_percent", _ => "" };
            Name = instrument.Name.Replace('.', '_') + unit + (type == "counter" ? "_total" : "");
        }

        public string Name { get; }

        // Observed values are those of this reading only.
        public void Begin()
        {
            if (instrument.IsObservable)
            {
                values.Clear();
            }
        }

        public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (type == "histogram")
            {
                var bucket = 0;
                while (bucket < Bounds.Length && value > Bounds[bucket])
                {
                    bucket++;
                }
                Interlocked.Increment(ref counts[bucket]);
                double before;
                do
                {
                    before = Volatile.Read(ref sum);
                }
                while (Interlocked.CompareExchange(ref sum, before + value, before) != before);
                return;
            }
            var labels = Labels(tags);
            if (values.Count >= MaxSeries && !values.ContainsKey(labels))
            {
                labels = "";
            }
            var set = instrument.IsObservable || type == "gauge" && !instrument.GetType().Name.Contains("UpDown", StringComparison.Ordinal);
            values.AddOrUpdate(labels, static (_, state) => state.value, static (_, old, state) => state.set ? state.value : old + state.value, (value, set));
        }

        public void Write(StringBuilder text)
        {
            text.Append("# HELP ").Append(Name).Append(' ').Append(instrument.Description?.Replace("\n", " ", StringComparison.Ordinal)).Append('\n');
            text.Append("# TYPE ").Append(Name).Append(' ').Append(type).Append('\n');
            if (type != "histogram")
            {
                foreach (var (labels, value) in values.OrderBy(static v => v.Key, StringComparer.Ordinal))
                {
                    Line(text, Name, labels, value);
                }
                return;
            }
            var total = 0L;
            for (var i = 0; i < counts.Length; i++)
            {
                total += Volatile.Read(ref counts[i]);
                Line(text, Name + "_bucket", $"{{le=\"{(i < Bounds.Length ? Bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf")}\"}}", total);
            }
            Line(text, Name + "_sum", "", Volatile.Read(ref sum));
            Line(text, Name + "_count", "", total);
        }

        static void Line(StringBuilder text, string name, string labels, double value) =>
            text.Append(name).Append(labels).Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');

        static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.IsEmpty)
            {
                return "";
            }
            var text = new StringBuilder("{");
            foreach (var (name, value) in tags)
            {
                text.Append(text.Length > 1 ? "," : "").Append(name.Replace('.', '_')).Append("=\"")
                    .Append((value?.ToString() ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('"');
            }
            return text.Append('}').ToString();
        }
    }
}
