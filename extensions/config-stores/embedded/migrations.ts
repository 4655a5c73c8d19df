/** Applied in order, each once; what has been released is never edited, only added to. */
export const migrations = [
  `
  CREATE TABLE revision (
    scope TEXT NOT NULL,
    revision INTEGER NOT NULL,
    digest TEXT NOT NULL,
    change_id TEXT NOT NULL,
    author TEXT NOT NULL,
    note TEXT NOT NULL,
    origin TEXT NOT NULL,
    file_digest TEXT NOT NULL,
    committed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, revision)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX revision_from_file ON revision (scope, revision) WHERE origin = 'file';
  -- Apart from the rows above, so that listing them never reads through megabytes of bodies.
  CREATE TABLE body (
    scope TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (scope, revision)
  ) STRICT;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_time ON audit (scope, at_ms, id);
  CREATE INDEX audit_by_age ON audit (at_ms);
  CREATE TABLE edge (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    instance TEXT NOT NULL,
    last_heartbeat_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE event (
    scope TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scope, at_ms, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX event_by_age ON event (at_ms);
  `,
]
