using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// <c>gateway_usage_sums</c>: sums of all records up to the number in <c>gateway_usage_summed</c>, kept up beside the writing: from what the writer remembers (<see cref="SumsTail"/>), or,
/// after a start, from the records, a stretch at a time. As with the roll-up by session, questions add the records after that number, and read both as of one moment.
/// </summary>
internal static class UsageSums
{
    /// <summary>Records summed in one transaction: writers wait for it.</summary>
    internal const int Stretch = 20_000;

    /// <summary>Most stretches of one upkeep.</summary>
    internal const int MaxStretches = 500;

    /// <summary>So many records after the sums are worth adding up by a question; while there are more, it is answered without the sums.</summary>
    internal const int MaxTail = 250_000;

    /// <summary>The kinds that are kept; by session with keys or models it is <c>gateway_usage_daily</c>. Coarser ones would gain nothing here.</summary>
    internal static readonly SumKind[] Kept = [SumKind.Plain, SumKind.Hour, SumKind.HourKey, SumKind.Tags, SumKind.SessionAlone, SumKind.Session];

    /// <summary>The records that the sums do not have yet.</summary>
    internal const string Tail = "gateway_usage NOT INDEXED WHERE seq > (SELECT through FROM gateway_usage_summed)";

    internal const string Schema =
        """
        CREATE TABLE gateway_usage_sums (
          kind INTEGER NOT NULL,
          org_id TEXT NOT NULL,
          period_day TEXT NOT NULL,
          bucket TEXT NOT NULL,
          key_id TEXT NOT NULL,
          team_id TEXT NOT NULL,
          model TEXT NOT NULL,
          provider TEXT NOT NULL,
          runner_id TEXT NOT NULL,
          requests INTEGER NOT NULL,
          cost_nano_usd INTEGER NOT NULL,
          prompt_tokens INTEGER NOT NULL,
          completion_tokens INTEGER NOT NULL,
          PRIMARY KEY (kind, org_id, period_day, bucket, key_id, team_id, model, provider, runner_id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE gateway_usage_summed (through INTEGER NOT NULL) STRICT;
        INSERT INTO gateway_usage_summed VALUES (0);
        """;

    /// <summary>Begins the sums anew, because those of the records that they have are without a kind that was added: upkeep makes them again.</summary>
    internal const string Again = "DELETE FROM gateway_usage_sums; UPDATE gateway_usage_summed SET through = 0;";

    const string AddUp =
        """
        ON CONFLICT DO UPDATE SET
          requests = requests + excluded.requests,
          cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
          prompt_tokens = prompt_tokens + excluded.prompt_tokens,
          completion_tokens = completion_tokens + excluded.completion_tokens
        """;

    /// <summary>Adds one group's sums, bound in the order of the table's columns.</summary>
    internal const string AddGroup = $"INSERT INTO gateway_usage_sums VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) {AddUp}";

    /// <summary>The sums have what the roll-up has.</summary>
    internal const string SummedAsRolledUp = "UPDATE gateway_usage_summed SET through = (SELECT through FROM gateway_usage_rolled_up)";

    /// <summary>Sums the next stretch of the records up to this number.</summary>
    internal static void SumStretch(SqliteConnection connection, long upTo) => SqliteFile.Execute(
        connection,
        $"""
        BEGIN IMMEDIATE;
        {Add(SumKind.Hour, $"CAST(ts / {BreakdownRange.HourMs} AS TEXT)", key: "''", team: "coalesce(team_id, '')", runner: "''", upTo)};
        {Add(SumKind.HourKey, $"CAST(ts / {BreakdownRange.HourMs} AS TEXT)", key: "key_id", team: "''", runner: "''", upTo, model: "''", provider: "''")};
        {Add(SumKind.Tags, "coalesce(tags, '')", key: "''", team: "''", runner: "''", upTo)};
        {Add(SumKind.Plain, "''", key: "key_id", team: "coalesce(team_id, '')", runner: "coalesce(runner_id, '')", upTo)};
        {Add(SumKind.SessionAlone, "coalesce(session_id, '')", key: "''", team: "''", runner: "coalesce(runner_id, '')", upTo, model: "''", provider: "''")};
        UPDATE gateway_usage_summed SET through = min(through + {Stretch}, {upTo});
        COMMIT
        """);

    /// <summary>The newest record that the sums have.</summary>
    internal static long Through(SqliteConnection connection) => Number(connection, "SELECT through FROM gateway_usage_summed");

    /// <summary>Records that are not in the sums yet.</summary>
    internal static long Lag(SqliteConnection connection) => Number(connection, "SELECT coalesce((SELECT max(seq) FROM gateway_usage), 0) - (SELECT through FROM gateway_usage_summed)");

    /// <summary>The one number that a query answers.</summary>
    internal static long Number(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    static string Add(SumKind kind, string bucket, string key, string team, string runner, long upTo, string model = "model", string provider = "provider") =>
        $"""
        INSERT INTO gateway_usage_sums
        SELECT {(int)kind}, org_id, period_day, {bucket}, {key}, {team}, {model}, {provider}, {runner}, count(*), sum(cost_nano_usd), sum(prompt_tokens), sum(completion_tokens)
        FROM {Tail} AND seq <= min({upTo}, (SELECT through FROM gateway_usage_summed) + {Stretch}) GROUP BY 2, 3, 4, 5, 6, 7, 8, 9
        {AddUp}
        """;
}
