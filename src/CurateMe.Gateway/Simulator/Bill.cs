using System.Text;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>
/// The provider's own account of what it charges for, which the gateway's ledger is compared with.
/// Bounded: past <see cref="MaxEntries"/> lines it says that it is full and takes no more.
/// </summary>
internal sealed class Bill : IDisposable
{
    public const int MaxEntries = 500_000;
    public const int MaxPage = 10_000;
    public const int MaxIdLength = 128;

    readonly Lock _lock = new();
    readonly List<BillEntry> _entries = [];
    readonly Dictionary<(string, string, string), BillTotal> _totals = [];
    readonly FileStream? _file;
    readonly int _max;
    readonly bool _off;
    long _sequence;
    long _cleared;
    bool _full;

    /// <param name="file">JSON lines are appended here, each handed to the system before the call is answered; <c>none</c> keeps no bill at all; null keeps it in memory only.</param>
    /// <param name="max">Lines kept, at most <see cref="MaxEntries"/>.</param>
    public Bill(string? file = null, int max = MaxEntries)
    {
        _max = Math.Clamp(max, 1, MaxEntries);
        _off = string.Equals(file, "none", StringComparison.Ordinal);
        if (file is null || _off)
            return;
        if (File.Exists(file))
            _sequence = _cleared = File.ReadLines(file).Select(BillEntry.Parse).Select(entry => entry.Sequence).DefaultIfEmpty().Max();
        _file = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    /// <summary>No bill is kept.</summary>
    public bool Off => _off;

    public void Charge(BillEntry entry)
    {
        if (_off)
            return;
        lock (_lock)
        {
            if (_entries.Count >= _max)
            {
                _full = true;
                return;
            }
            entry = entry with { Sequence = ++_sequence };
            _entries.Add(entry);
            var key = (entry.Provider, entry.Model, entry.Operation);
            var total = _totals.GetValueOrDefault(key) ?? new BillTotal(entry.Provider, entry.Model, entry.Operation, 0, 0, new BillCounts());
            _totals[key] = total with
            {
                Calls = total.Calls + 1,
                Cancelled = total.Cancelled + (entry.Cancelled ? 1 : 0),
                Units = total.Units.Plus(entry.Units),
            };
            _file?.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(entry, BillJson.Default.BillEntry) + "\n"));
        }
    }

    /// <summary>All lines kept, in order.</summary>
    public IReadOnlyList<BillEntry> Entries
    {
        get
        {
            lock (_lock)
                return [.. _entries];
        }
    }

    /// <summary>Lines charged to one caller's request id.</summary>
    public IReadOnlyList<BillEntry> For(string requestId)
    {
        lock (_lock)
            return [.. _entries.Where(entry => entry.RequestId == requestId)];
    }

    public BillPage Page(long since, int limit)
    {
        limit = Math.Clamp(limit, 1, MaxPage);
        lock (_lock)
        {
            // Sequences are without gaps, so the first one asked for is found by subtraction
            var from = (int)Math.Clamp(since - _cleared, 0, _entries.Count);
            var page = _entries.GetRange(from, Math.Min(limit, _entries.Count - from));
            return new BillPage(page, page.Count == 0 ? Math.Max(since, 0) : page[^1].Sequence, from + page.Count < _entries.Count);
        }
    }

    public BillTotals Totals()
    {
        lock (_lock)
            return new BillTotals(_sequence - _cleared, _full, [.. _totals.Values]);
    }

    /// <summary>Forgets the lines in memory; sequences go on, and the file is left as it is.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
            _totals.Clear();
            _full = false;
            _cleared = _sequence;
        }
    }

    public void Dispose() => _file?.Dispose();
}
