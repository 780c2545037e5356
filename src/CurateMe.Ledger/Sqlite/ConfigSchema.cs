namespace CurateMe.Ledger.Sqlite;

/// <summary>The tables of config.db. A deleted document stays as a row without JSON, so that those who poll learn of it.</summary>
internal static class ConfigSchema
{
    internal const string DocumentColumns = "collection, id, org_id, lookup, json, version, revision";

    internal const string AuditColumns =
        "sequence, at, actor, from_ip, action, target_type, target_id, org_id, before_json, after_json, previous_hash, hash";

    internal static IReadOnlyList<string> Steps { get; } =
    [
        """
        CREATE TABLE config_documents (
          collection TEXT NOT NULL,
          id TEXT NOT NULL,
          org_id TEXT,
          lookup TEXT,
          json TEXT,
          version INTEGER NOT NULL,
          revision INTEGER NOT NULL UNIQUE,
          PRIMARY KEY (collection, id)
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX config_documents_by_lookup ON config_documents (collection, lookup) WHERE lookup IS NOT NULL AND json IS NOT NULL;
        CREATE INDEX config_documents_by_org ON config_documents (collection, org_id, id);

        CREATE TABLE config_audit (
          sequence INTEGER PRIMARY KEY,
          at INTEGER NOT NULL,
          actor TEXT NOT NULL,
          from_ip TEXT,
          action TEXT NOT NULL,
          target_type TEXT NOT NULL,
          target_id TEXT NOT NULL,
          org_id TEXT,
          before_json TEXT,
          after_json TEXT,
          previous_hash TEXT NOT NULL,
          hash TEXT NOT NULL
        ) STRICT;
        CREATE INDEX config_audit_by_org ON config_audit (org_id, sequence);
        CREATE INDEX config_audit_by_target ON config_audit (target_id, sequence);
        """,
    ];
}
