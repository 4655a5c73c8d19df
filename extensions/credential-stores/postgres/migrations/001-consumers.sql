-- One row a scope: a write locks it first, so that the writes of a scope go one after the other.
CREATE TABLE credential_scope (
  scope text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL
);

CREATE TABLE credential_consumer (
  scope text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  document text NOT NULL,
  PRIMARY KEY (scope, name)
);

-- Whose an API key id, a user name or a subject is; its primary key is what keeps it with one consumer.
CREATE TABLE credential_claim (
  scope text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  consumer text COLLATE "C" NOT NULL,
  PRIMARY KEY (scope, kind, id)
);

-- write_id is the same for all versions of one write; it tells whether a write whose answer got lost was done.
CREATE TABLE credential_change (
  scope text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  write_id text NOT NULL,
  kind text NOT NULL,
  consumer text NOT NULL,
  credential_id text NOT NULL,
  subjects text NOT NULL,
  PRIMARY KEY (scope, version)
);
