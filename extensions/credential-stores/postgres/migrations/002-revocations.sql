-- What began at before_ms or earlier under this name is over; of no use after until_ms.
CREATE TABLE credential_revocation (
  scope text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  before_ms bigint NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (scope, name)
);

CREATE INDEX credential_revocation_end ON credential_revocation (scope, until_ms);
