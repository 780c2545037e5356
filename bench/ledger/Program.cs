using System.Diagnostics;
using System.Globalization;
using CurateMe.Bench.Ledger;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;

// How long breakdowns of a month take:
//   dotnet run -c Release --project bench/ledger -- sqlite DIRECTORY [RECORDS]
//   dotnet run -c Release --project bench/ledger -- mongo mongodb://127.0.0.1:27017/some_empty_database [RECORDS]
// Directory and database must be empty, and are left for looking at: delete them afterwards. With 0 records, those that are there already are asked about.
if (args is not [("sqlite" or "mongo") and var store, var where, .. var rest])
{
    Console.Error.WriteLine("say: sqlite DIRECTORY [RECORDS], or mongo URL [RECORDS]");
    return 2;
}
const int MostTries = 20;
var count = rest is [var text] ? int.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture) : 5_000_000;
var clock = new BenchClock(MonthOfRecords.End.AddDays(1).AddHours(6));
await using IUsageLedger ledger = store == "sqlite"
    ? SqliteLedger.Open(where, clock)
    : await MongoLedger.OpenAsync(new MongoOptions { Url = where, SocketTimeout = TimeSpan.FromMinutes(10) }, clock, CancellationToken.None);

// Writers of a month that goes on: nothing is late. A server fills a collection that has no indexes several times as fast, and the sums do not see which came first.
await using var indexing = store == "mongo" && count > 0 ? await LateIndexes.DropAsync(where) : null;
var writing = Stopwatch.StartNew();
var written = 0;
var now = clock.Now;
var (size, atOnce) = store == "sqlite" ? (5_000, 1) : (1_000, 3);
await Parallel.ForEachAsync(count == 0 ? [] : new MonthOfRecords(1, count).Batches(size), new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (batch, ct) =>
{
    clock.Now = batch[^1].Timestamp;
    for (var tries = 1; !await TryAsync(batch, ct); tries++)
    {
        if (tries == MostTries) throw new TimeoutException($"The ledger refused a batch {tries} times.");
    }
    if (Interlocked.Add(ref written, batch.Length) % 500_000 == 0) Console.Error.WriteLine($"{written:N0} records, {written / writing.Elapsed.TotalSeconds:N0}/s");
});
Console.WriteLine($"{count:N0} records written in {writing.Elapsed.TotalSeconds:N0} s");
if (indexing is not null) Console.WriteLine($"indexes {(await indexing.MakeAsync()).TotalSeconds:N0} s");
clock.Now = now;
var upkeep = Stopwatch.StartNew();
await ledger.MaintainAsync(CancellationToken.None);
Console.WriteLine($"upkeep {upkeep.Elapsed.TotalSeconds:N1} s");

// Each of the dashboard's dimensions alone, and by day as its chart asks; and by hour what sums by hour join.
BreakdownDimension[] dimensions =
[
    BreakdownDimension.Model, BreakdownDimension.Provider, BreakdownDimension.Team, BreakdownDimension.Key, BreakdownDimension.Runner, BreakdownDimension.Session, BreakdownDimension.Tag,
];
BreakdownDimension[][] questions =
[
    [BreakdownDimension.Day], [BreakdownDimension.Hour], .. dimensions.Select(static dimension => (BreakdownDimension[])[dimension]),
    .. dimensions.Select(static dimension => (BreakdownDimension[])[BreakdownDimension.Day, dimension]),
    .. dimensions.Take(3).Select(static dimension => (BreakdownDimension[])[BreakdownDimension.Hour, dimension]),
];
var slow = 0;
Console.WriteLine($"{"by",-14}{"rows",8}{"first ms",10}{"best ms",10}");
foreach (var by in questions)
{
    var query = new BreakdownQuery { OrgId = MonthOfRecords.Org, From = MonthOfRecords.From, To = MonthOfRecords.End, By = by, TagName = "app" };
    var times = new List<double>();
    IReadOnlyList<BreakdownRow> rows = [];
    for (var i = 0; i < 5; i++)
    {
        var asked = Stopwatch.GetTimestamp();
        rows = await ledger.BreakdownAsync(query, CancellationToken.None);
        times.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
    }
    slow += times.Min() >= 1_000 ? 1 : 0;
    Console.WriteLine($"{string.Join('+', by).ToLowerInvariant(),-14}{rows.Count,8}{times[0],10:N0}{times.Min(),10:N0}");
}
return slow == 0 ? 0 : 1;

// A busy server may give up a batch; writing it again stores none twice.
async Task<bool> TryAsync(UsageRecord[] batch, CancellationToken ct)
{
    try
    {
        await ledger.RecordAsync(batch, ct);
        return true;
    }
    catch (LedgerUnavailableException)
    {
        return false;
    }
}
