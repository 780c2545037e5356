namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// The tables of ledger.db. An insert appends to the records and to the end of two indexes, as ids and times grow: few pages change per batch.
/// <c>gateway_usage_daily</c> holds the sums of all records up to the number in <c>gateway_usage_rolled_up</c>; those after it, at most
/// <see cref="RollUpEvery"/> and a batch, are added by the queries, which see both tables as of one moment. Money and counts are integers;
/// the view <c>gateway_usage_usd</c> has dollars and months for the eyes of whoever opens the file.
/// </summary>
internal static class LedgerSchema
{
    /// <summary>Columns of a record in the order in which they are bound and read.</summary>
    internal const string Columns =
        """
        request_id, org_id, team_id, key_id, runner_id, session_id, provider, model, requested_model, endpoint, stream, status, status_code,
        prompt_tokens, completion_tokens, reasoning_tokens, cache_read_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, other_units,
        hold_nano_usd, cost_nano_usd, price_version, service_tier, usage_source, latency_ms, ttft_ms, prompt_hash, client_ip, tags, period_day, ts
        """;

    internal const int ColumnCount = 32;

    /// <summary>How many records the roll-up may lag behind before a batch brings it up to date.</summary>
    internal const int RollUpEvery = 4_000;

    /// <summary>The records that the roll-up does not have yet.</summary>
    internal const string Tail = "gateway_usage NOT INDEXED WHERE seq > (SELECT through FROM gateway_usage_rolled_up)";

    internal static IReadOnlyList<string> Steps { get; } =
    [
        """
        CREATE TABLE gateway_usage (
          seq INTEGER PRIMARY KEY,
          request_id TEXT NOT NULL UNIQUE,
          org_id TEXT NOT NULL,
          team_id TEXT,
          key_id TEXT NOT NULL,
          runner_id TEXT,
          session_id TEXT,
          provider TEXT NOT NULL,
          model TEXT NOT NULL,
          requested_model TEXT NOT NULL,
          endpoint TEXT NOT NULL,
          stream INTEGER NOT NULL,
          status TEXT NOT NULL,
          status_code INTEGER NOT NULL,
          prompt_tokens INTEGER NOT NULL,
          completion_tokens INTEGER NOT NULL,
          reasoning_tokens INTEGER NOT NULL,
          cache_read_tokens INTEGER NOT NULL,
          cache_creation_5m_tokens INTEGER NOT NULL,
          cache_creation_1h_tokens INTEGER NOT NULL,
          other_units TEXT,
          hold_nano_usd INTEGER NOT NULL,
          cost_nano_usd INTEGER NOT NULL,
          price_version TEXT NOT NULL,
          service_tier TEXT NOT NULL,
          usage_source TEXT NOT NULL,
          latency_ms INTEGER NOT NULL,
          ttft_ms INTEGER NOT NULL,
          prompt_hash TEXT NOT NULL,
          client_ip TEXT,
          tags TEXT,
          period_day TEXT NOT NULL,
          ts INTEGER NOT NULL,
          period_month TEXT NOT NULL AS (substr(period_day, 1, 7)),
          cost_usd TEXT NOT NULL AS (printf('%d.%09d', cost_nano_usd / 1000000000, cost_nano_usd % 1000000000))
        ) STRICT;

        CREATE INDEX gateway_usage_by_time ON gateway_usage (org_id, ts, request_id, cost_nano_usd);

        CREATE TABLE gateway_usage_daily (
          org_id TEXT NOT NULL,
          period_day TEXT NOT NULL,
          key_id TEXT NOT NULL,
          team_id TEXT NOT NULL,
          model TEXT NOT NULL,
          provider TEXT NOT NULL,
          runner_id TEXT NOT NULL,
          session_id TEXT NOT NULL,
          requests INTEGER NOT NULL,
          cost_nano_usd INTEGER NOT NULL,
          prompt_tokens INTEGER NOT NULL,
          completion_tokens INTEGER NOT NULL,
          last_ts INTEGER NOT NULL,
          PRIMARY KEY (org_id, period_day, key_id, team_id, model, provider, runner_id, session_id)
        ) STRICT, WITHOUT ROWID;

        CREATE INDEX gateway_usage_daily_by_session ON gateway_usage_daily (org_id, session_id) WHERE session_id <> '';

        CREATE TABLE gateway_usage_rolled_up (through INTEGER NOT NULL) STRICT;
        INSERT INTO gateway_usage_rolled_up VALUES (0);

        CREATE TABLE ledger_syncs (count INTEGER NOT NULL) STRICT;
        INSERT INTO ledger_syncs VALUES (0);
        """,
        UsageSums.Schema,
        // As generated columns they were computed for every record that was stored.
        """
        ALTER TABLE gateway_usage DROP COLUMN cost_usd;
        ALTER TABLE gateway_usage DROP COLUMN period_month;
        CREATE VIEW gateway_usage_usd AS SELECT *, substr(period_day, 1, 7) AS period_month,
          printf('%s%d.%09d', iif(cost_nano_usd < 0, '-', ''), abs(cost_nano_usd) / 1000000000, abs(cost_nano_usd) % 1000000000) AS cost_usd FROM gateway_usage;
        """,
        UsageSums.Again, // sessions alone
        UsageSums.Again, // keys by hour
    ];

    /// <summary>
    /// Stores so many records, those that are there already excepted. <c>OR FAIL</c>: the writer gives up the whole transaction anyway, and so SQLite need not
    /// keep what it would want to undo the one statement.
    /// </summary>
    internal static string Insert(int rows) =>
        $"INSERT OR FAIL INTO gateway_usage ({Columns}) VALUES {string.Join(',', Enumerable.Repeat($"(?{string.Concat(Enumerable.Repeat(",?", ColumnCount - 1))})", rows))} ON CONFLICT (request_id) DO NOTHING";

    /// <summary>Whether a record is there and came after this number.</summary>
    internal const string CameAfter = "SELECT 1 FROM gateway_usage WHERE request_id = $id AND seq > $before";

    internal const string Newest = "SELECT coalesce(max(seq), 0) FROM gateway_usage";

    internal const string RollUp =
        $"""
        INSERT INTO gateway_usage_daily
        SELECT org_id, period_day, key_id, coalesce(team_id, ''), model, provider, coalesce(runner_id, ''), coalesce(session_id, ''),
          count(*), sum(cost_nano_usd), sum(prompt_tokens), sum(completion_tokens), max(ts)
        FROM {Tail} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        {AddUp}
        """;

    /// <summary>Adds one group's sums, bound in the order of the table's columns.</summary>
    internal const string RollUpGroup = $"INSERT INTO gateway_usage_daily VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) {AddUp}";

    const string AddUp =
        """
        ON CONFLICT DO UPDATE SET
          requests = requests + excluded.requests,
          cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
          prompt_tokens = prompt_tokens + excluded.prompt_tokens,
          completion_tokens = completion_tokens + excluded.completion_tokens,
          last_ts = max(last_ts, excluded.last_ts)
        """;

    internal const string RolledUp = "UPDATE gateway_usage_rolled_up SET through = coalesce((SELECT max(seq) FROM gateway_usage), 0)";
}
