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
    /// <exception cref="IOException">The file cannot be opened, or is longer than 2 GiB.</exception>
    /// <param name="max">Lines kept, at most <see cref="MaxEntries"/>.</param>
    public Bill(string? file = null, int max = MaxEntries)
    {
        _max = Math.Clamp(max, 1, MaxEntries);
        _off = string.Equals(file, "none", StringComparison.Ordinal);
        if (file is null || _off)
            return;
        _file = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        _sequence = _cleared = LastSequence(_file);
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

    /// <summary>The last line's number. A line torn by a crash was never answered, so it is cut off; writing goes on at the end.</summary>
    static long LastSequence(FileStream file)
    {
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var text = bytes.AsSpan(0, bytes.AsSpan().LastIndexOf((byte)'\n') + 1);
        file.SetLength(text.Length);
        file.Seek(0, SeekOrigin.End);
        if (text.IsEmpty)
            return 0;
        var start = text[..^1].LastIndexOf((byte)'\n') + 1;
        return BillEntry.Parse(Encoding.UTF8.GetString(text[start..^1])).Sequence;
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
