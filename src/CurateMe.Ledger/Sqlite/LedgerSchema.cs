namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// The tables of ledger.db. Records are clustered by id, which grows with time, so that an insert is an append to one tree and one short entry
/// to each org's end of the other. Money and counts are integers; <c>cost_usd</c> is for the eyes of whoever opens the file.
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

    internal static IReadOnlyList<string> Steps { get; } =
    [
        """
        CREATE TABLE gateway_usage (
          request_id TEXT NOT NULL PRIMARY KEY,
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
        ) STRICT, WITHOUT ROWID;

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

        CREATE TABLE ledger_syncs (count INTEGER NOT NULL) STRICT;
        INSERT INTO ledger_syncs VALUES (0);
        """,
    ];

    internal static string Insert { get; } =
        $"INSERT INTO gateway_usage ({Columns}) VALUES (?{string.Concat(Enumerable.Repeat(",?", ColumnCount - 1))}) ON CONFLICT (request_id) DO NOTHING";

    internal const string AddToDay =
        """
        INSERT INTO gateway_usage_daily VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
        ON CONFLICT DO UPDATE SET
          requests = requests + excluded.requests,
          cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
          prompt_tokens = prompt_tokens + excluded.prompt_tokens,
          completion_tokens = completion_tokens + excluded.completion_tokens,
          last_ts = max(last_ts, excluded.last_ts)
        """;
}
