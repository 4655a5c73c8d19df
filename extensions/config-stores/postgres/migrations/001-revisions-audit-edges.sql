-- The order of revisions: the primary key gives a number once, and a row is added only after the one before it, so the
-- line has no gap and needs no lock. Bodies lie out of line (TOAST): listing does not read through them.
CREATE TABLE config_revision (
  scope text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  digest text NOT NULL,
  change_id text NOT NULL,
  author text NOT NULL,
  note text NOT NULL,
  origin text NOT NULL,
  file_digest text NOT NULL,
  committed_at_ms bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (scope, revision)
);
CREATE INDEX config_revision_from_file ON config_revision (scope, revision) WHERE origin = 'file';

CREATE TABLE config_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope text COLLATE "C" NOT NULL,
  at_ms bigint NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  outcome text NOT NULL
);
CREATE INDEX config_audit_by_time ON config_audit (scope, at_ms, id);
CREATE INDEX config_audit_by_age ON config_audit (at_ms);

CREATE TABLE config_edge (
  scope text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  instance text NOT NULL,
  last_heartbeat_ms bigint NOT NULL,
  PRIMARY KEY (scope, name)
);
