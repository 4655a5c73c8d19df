-- What has happened that somebody may want to act on. The same event from several controls is one row.
CREATE TABLE config_event (
  scope text COLLATE "C" NOT NULL,
  at_ms bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (scope, at_ms, key)
);
CREATE INDEX config_event_by_age ON config_event (at_ms);
