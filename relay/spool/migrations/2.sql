-- From 1 to 2: limits of a day, pace, fairness, doubt, notices, orders, transcripts, sealed content.

ALTER TABLE message ADD COLUMN precedence INTEGER NOT NULL DEFAULT 2;
ALTER TABLE message ADD COLUMN kind TEXT NOT NULL DEFAULT 'mail';
ALTER TABLE message ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
UPDATE message SET recipients = (SELECT count(*) FROM recipient WHERE message_id = message.id);
ALTER TABLE message ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN split INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN again_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN transcript TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN arrival TEXT NOT NULL DEFAULT '';
-- The attempt under way is counted when the start ends its lease.
UPDATE message SET doubts = (SELECT count(*) FROM attempt WHERE message_id = message.id AND outcome IN ('', 'uncertain'))
  - (state = 'leased');
DROP INDEX message_due;
CREATE INDEX message_due ON message (profile, precedence, device, due_at) WHERE state IN ('queued', 'uncertain');
DROP INDEX message_settled;
CREATE INDEX message_settled ON message (state, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX message_state ON message (state, received_at, profile, device, size, body_file);
CREATE INDEX message_key ON message (key_id) WHERE key_id <> '';
CREATE INDEX message_again ON message (profile, again_at) WHERE again_at > 0;

CREATE TABLE kept (
  only  INTEGER PRIMARY KEY CHECK (only = 1),
  bytes INTEGER NOT NULL
);
INSERT INTO kept SELECT 1, coalesce(sum(size), 0) FROM message WHERE state <> 'delivered';
CREATE TRIGGER kept_accepted AFTER INSERT ON message WHEN new.state NOT IN ('delivered', 'dropped')
BEGIN UPDATE kept SET bytes = bytes + new.size; END;
CREATE TRIGGER kept_settled AFTER UPDATE OF state ON message WHEN (old.state IN ('delivered', 'dropped')) <> (new.state IN ('delivered', 'dropped'))
BEGIN UPDATE kept SET bytes = bytes + CASE WHEN new.state IN ('delivered', 'dropped') THEN -new.size ELSE new.size END; END;
CREATE TRIGGER kept_forgotten AFTER DELETE ON message WHEN old.state NOT IN ('delivered', 'dropped')
BEGIN UPDATE kept SET bytes = bytes - old.size; END;

ALTER TABLE attempt ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN transcript TEXT NOT NULL DEFAULT '';

ALTER TABLE mailbox ADD COLUMN pace REAL NOT NULL DEFAULT 1;
ALTER TABLE mailbox ADD COLUMN paced_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE spent (
  mailbox    TEXT NOT NULL,
  bucket     INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  PRIMARY KEY (mailbox, bucket)
) WITHOUT ROWID;

ALTER TABLE slot ADD COLUMN large INTEGER NOT NULL DEFAULT 0;

CREATE TABLE turn (
  mailbox TEXT NOT NULL,
  device  TEXT NOT NULL,
  served  INTEGER NOT NULL,
  PRIMARY KEY (mailbox, device)
) WITHOUT ROWID;

CREATE TABLE notice (
  message_id TEXT NOT NULL,
  n          INTEGER NOT NULL,
  what       TEXT NOT NULL,
  who        TEXT NOT NULL DEFAULT '',
  profile    TEXT NOT NULL,
  cause      TEXT NOT NULL,
  at         INTEGER NOT NULL,
  meaning    TEXT NOT NULL DEFAULT '',
  remedy     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (message_id, n, what, who)
) WITHOUT ROWID;
CREATE INDEX notice_due ON notice (who, what, profile, cause, at);

CREATE TABLE event (
  message_id TEXT NOT NULL,
  at         INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  what       TEXT NOT NULL,
  who        TEXT NOT NULL DEFAULT '',
  detail     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (message_id, at, n)
) WITHOUT ROWID;
