using System.Text.Json;
using CurateMe.Ledger.Alerts;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>Events and deliveries of the embedded default: <c>alerts.db</c> in the data directory. Every change is on the disk when its call returns.</summary>
public sealed class SqliteAlertStore : IAlertStore
{
    public const string FileName = "alerts.db";

    const string EventColumns = "id, org_id, type, subject, at, claim, data";

    static readonly IReadOnlyList<string> Steps =
    [
        """
        CREATE TABLE alerts (
          id TEXT PRIMARY KEY,
          org_id TEXT,
          type TEXT NOT NULL,
          subject TEXT NOT NULL,
          at INTEGER NOT NULL,
          claim TEXT NOT NULL UNIQUE,
          data TEXT NOT NULL,
          spread INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX alerts_by_org ON alerts (org_id, id);
        CREATE INDEX alerts_unspread ON alerts (id) WHERE spread = 0;

        CREATE TABLE deliveries (
          id TEXT PRIMARY KEY,
          webhook_id TEXT NOT NULL,
          created_at INTEGER NOT NULL,
          state INTEGER NOT NULL,
          next_at INTEGER NOT NULL,
          leased_until INTEGER NOT NULL,
          owner TEXT,
          json TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
        CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 0;

        CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        """,
        // With all that tells whether a delivery is taken: of a webhook that is left out, thousands may be passed over each time.
        """
        DROP INDEX deliveries_due;
        CREATE INDEX deliveries_due ON deliveries (next_at, webhook_id, leased_until, state) WHERE state = 0;
        """,
    ];

    readonly SqliteConnection _connection;
    readonly ReaderPool _readers;
    readonly SemaphoreSlim _writing = new(1);
    bool _disposed;

    SqliteAlertStore(SqliteConnection connection, string path)
    {
        _connection = connection;
        _readers = new ReaderPool(path);
    }

    /// <summary>Opens the store of a data directory, making both if they are not there.</summary>
    /// <exception cref="AlertStoreUnavailableException">The file cannot be opened, is damaged, or is of a newer version.</exception>
    public static SqliteAlertStore Open(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, FileName);
        try
        {
            Directory.CreateDirectory(dataDirectory);
            return new SqliteAlertStore(SqliteFile.OpenWriter(path, "FULL", Steps), path);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new AlertStoreUnavailableException($"The alerts {path} cannot be opened: {e.Message}", e);
        }
    }

    public Task<bool> RaiseAsync(AlertEvent raised, CancellationToken ct) => WriteAsync(
        () => Execute(
            $"INSERT INTO alerts ({EventColumns}, spread) VALUES ($a, $b, $c, $d, $e, $f, $g, 0) ON CONFLICT DO NOTHING",
            raised.Id, raised.OrgId, raised.Type, raised.Subject, Ms(raised.At), raised.Claim, raised.DataJson) > 0, ct);

    public Task<IReadOnlyList<AlertEvent>> EventsAsync(AlertQuery query, CancellationToken ct)
    {
        List<string> conditions = ["true"];
        List<object?> values = [];
        void Where(string condition, object? value)
        {
            if (value is null) return;
            conditions.Add($"{condition} ${(char)('a' + values.Count)}");
            values.Add(value);
        }
        Where("org_id =", query.OrgId);
        Where("at >=", query.Since is { } since ? Ms(since) : null);
        Where("id <", query.BeforeId);
        if (query.Types is { } types)
        {
            conditions.Add($"type IN ({string.Join(", ", types.Select((_, i) => $"${(char)('a' + values.Count + i)}"))})");
            values.AddRange(types);
        }
        return EventsAsync($"{string.Join(" AND ", conditions)} ORDER BY id DESC", query.Limit, [.. values], ct);
    }

    public Task<IReadOnlyList<AlertEvent>> UnspreadAsync(int limit, CancellationToken ct) => EventsAsync("spread = 0 ORDER BY id", limit, [], ct);

    public Task SpreadAsync(string eventId, IReadOnlyList<AlertDelivery> deliveries, CancellationToken ct) => WriteAsync(
        () =>
        {
            foreach (var delivery in deliveries)
            {
                Execute(
                    "INSERT INTO deliveries (id, webhook_id, created_at, state, next_at, leased_until, json) VALUES ($a, $b, $c, $d, $e, 0, $f) ON CONFLICT DO NOTHING",
                    delivery.Id, delivery.WebhookId, Ms(delivery.CreatedAt), (long)delivery.State, Ms(delivery.NextAt), AlertJson.Text(delivery));
            }
            return Execute("UPDATE alerts SET spread = 1 WHERE id = $a", eventId);
        }, ct);

    public Task<IReadOnlyList<AlertDelivery>> TakeDueAsync(string owner, DateTimeOffset now, TimeSpan lease, int limit, IReadOnlyCollection<string> except, CancellationToken ct) => WriteAsync<IReadOnlyList<AlertDelivery>>(
        () =>
        {
            using var command = Command(
                _connection,
                $"""
                UPDATE deliveries SET owner = $a, leased_until = $b WHERE id IN
                  (SELECT id FROM deliveries WHERE state = 0 AND next_at <= $c AND leased_until <= $c AND webhook_id NOT IN (SELECT value FROM json_each($d))
                    ORDER BY next_at LIMIT {Limit(limit)}) RETURNING json
                """,
                owner, Ms(now + lease), Ms(now), JsonSerializer.Serialize(except, AlertJson.Default.IReadOnlyCollectionString));
            return Deliveries(command);
        }, ct);

    public Task<bool> SaveAsync(AlertDelivery delivery, string owner, CancellationToken ct) => WriteAsync(
        () => Execute(
            "UPDATE deliveries SET state = $a, next_at = $b, leased_until = 0, owner = NULL, json = $c WHERE id = $d AND owner = $e",
            (long)delivery.State, Ms(delivery.NextAt), AlertJson.Text(delivery), delivery.Id, owner) > 0, ct);

    public Task<AlertDelivery?> DeliveryAsync(string id, CancellationToken ct) => ReadAsync(
        connection =>
        {
            using var command = Command(connection, "SELECT json FROM deliveries WHERE id = $a", id);
            return Deliveries(command).SingleOrDefault();
        }, ct);

    public Task<IReadOnlyList<AlertDelivery>> DeliveriesAsync(string webhookId, string? beforeId, int limit, CancellationToken ct) => ReadAsync<IReadOnlyList<AlertDelivery>>(
        connection =>
        {
            using var command = Command(
                connection, $"SELECT json FROM deliveries WHERE webhook_id = $a AND ($b IS NULL OR id < $b) ORDER BY id DESC LIMIT {Limit(limit)}", webhookId, beforeId);
            return Deliveries(command);
        }, ct);

    public Task ForgetAsync(string webhookId, CancellationToken ct) => WriteAsync(() => Execute("DELETE FROM deliveries WHERE webhook_id = $a", webhookId), ct);

    public Task<bool> LeaseAsync(string name, string owner, DateTimeOffset now, TimeSpan length, CancellationToken ct) => WriteAsync(
        () => Execute(
            """
            INSERT INTO leases (name, owner, until) VALUES ($a, $b, $c) ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
              WHERE leases.owner = excluded.owner OR leases.until <= $d
            """,
            name, owner, Ms(now + length), Ms(now)) > 0, ct);

    public Task TrimAsync(DateTimeOffset eventsBefore, DateTimeOffset deliveriesBefore, int maxEvents, int maxDeliveries, CancellationToken ct) => WriteAsync(
        () =>
        {
            Execute("DELETE FROM alerts WHERE at < $a", Ms(eventsBefore));
            Execute("DELETE FROM deliveries WHERE created_at < $a", Ms(deliveriesBefore));
            Execute("DELETE FROM alerts WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY org_id ORDER BY id DESC) AS n FROM alerts) WHERE n > $a)", maxEvents);
            return Execute(
                "DELETE FROM deliveries WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY webhook_id ORDER BY id DESC) AS n FROM deliveries) WHERE n > $a)", maxDeliveries);
        }, ct);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        await _readers.DisposeAsync();
        await _writing.WaitAsync();
        await _connection.DisposeAsync();
        _writing.Dispose();
    }

    Task<IReadOnlyList<AlertEvent>> EventsAsync(string condition, int limit, object?[] values, CancellationToken ct) => ReadAsync<IReadOnlyList<AlertEvent>>(
        connection =>
        {
            using var command = Command(connection, $"SELECT {EventColumns} FROM alerts WHERE {condition} LIMIT {Limit(limit)}", values);
            List<AlertEvent> events = [];
            using var row = command.ExecuteReader();
            while (row.Read())
            {
                events.Add(new AlertEvent(
                    row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1), row.GetString(2), row.GetString(3), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)), row.GetString(5), row.GetString(6)));
            }
            return events;
        }, ct);

    static List<AlertDelivery> Deliveries(SqliteCommand command)
    {
        List<AlertDelivery> deliveries = [];
        using var row = command.ExecuteReader();
        while (row.Read()) deliveries.Add(AlertJson.Read(row.GetString(0)));
        return deliveries;
    }

    async Task<T> WriteAsync<T>(Func<T> write, CancellationToken ct)
    {
        await _writing.WaitAsync(ct);
        try
        {
            return await Task.Run(
                () =>
                {
                    SqliteFile.Execute(_connection, "BEGIN IMMEDIATE");
                    try
                    {
                        var done = write();
                        SqliteFile.Execute(_connection, "COMMIT");
                        return done;
                    }
                    catch
                    {
                        SqliteFile.Execute(_connection, "ROLLBACK");
                        throw;
                    }
                },
                CancellationToken.None);
        }
        catch (SqliteException e)
        {
            throw Unavailable(e);
        }
        finally
        {
            _writing.Release();
        }
    }

    async Task<T> ReadAsync<T>(Func<SqliteConnection, T> read, CancellationToken ct)
    {
        try
        {
            return await _readers.ReadAsync(read, ct);
        }
        catch (SqliteException e)
        {
            throw Unavailable(e);
        }
    }

    int Execute(string sql, params ReadOnlySpan<object?> values)
    {
        using var command = Command(_connection, sql, values);
        return command.ExecuteNonQuery();
    }

    static SqliteCommand Command(SqliteConnection connection, string sql, params ReadOnlySpan<object?> values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++) command.Parameters.AddWithValue($"${(char)('a' + i)}", values[i] ?? DBNull.Value);
        return command;
    }

    static long Ms(DateTimeOffset at) => at.ToUnixTimeMilliseconds();

    static int Limit(int limit) => Math.Clamp(limit, 1, IAlertStore.MaxLimit);

    static AlertStoreUnavailableException Unavailable(SqliteException e) => new($"The SQLite alert store did not answer: {e.Message} (code {e.SqliteExtendedErrorCode})", e);
}
