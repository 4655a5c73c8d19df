/** Applied in order, each once; what has been released is never edited, only added to. */
export const migrations = [
  `
  CREATE TABLE consumer (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (scope, name)
  ) STRICT, WITHOUT ROWID;
  -- Whose an API key id, a user name or a subject is; its primary key is what keeps it with one consumer.
  CREATE TABLE claim (
    scope TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    consumer TEXT NOT NULL,
    PRIMARY KEY (scope, kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE change (
    scope TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    consumer TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    subjects TEXT NOT NULL,
    PRIMARY KEY (scope, version)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What began at before_ms or earlier under this name is over; of no use after until_ms.
  CREATE TABLE revocation (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    before_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX revocation_end ON revocation (scope, until_ms);
  `,
  `
  CREATE TABLE lease (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX lease_end ON lease (until_ms);
  `,
]
