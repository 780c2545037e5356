using System.Diagnostics;
using CurateMe.Ledger.Mongo;

namespace CurateMe.Bench.Ledger;

/// <summary>The indexes of the records, taken away before a fill and made after it.</summary>
sealed class LateIndexes : IAsyncDisposable
{
    readonly MongoConnection _connection;

    LateIndexes(MongoConnection connection) => _connection = connection;

    internal static async Task<LateIndexes> DropAsync(string url)
    {
        var indexes = new LateIndexes(new MongoConnection(new MongoOptions { Url = url, SocketTimeout = TimeSpan.FromHours(1) }));
        await indexes._connection.RunAsync(MongoIndexes.DropOfRecords, CancellationToken.None);
        return indexes;
    }

    /// <returns>How long it took.</returns>
    internal async Task<TimeSpan> MakeAsync()
    {
        var making = Stopwatch.StartNew();
        await _connection.RunAsync(MongoIndexes.OfLedger, CancellationToken.None);
        return making.Elapsed;
    }

    public async ValueTask DisposeAsync() => await Task.Run(_connection.Dispose);
}
