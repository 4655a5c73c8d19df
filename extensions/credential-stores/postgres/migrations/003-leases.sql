-- Who does something that only one may do at a time.
CREATE TABLE credential_lease (
  scope text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  holder text NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (scope, name)
);
CREATE INDEX credential_lease_end ON credential_lease (until_ms);
