-- From 1 to 2: limits of a day, pace, fairness, doubt, notices, orders, transcripts, sealed content.

ALTER TABLE message ADD COLUMN precedence INTEGER NOT NULL DEFAULT 2;
ALTER TABLE message ADD COLUMN kind TEXT NOT NULL DEFAULT 'mail';
ALTER TABLE message ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN split INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN transcript TEXT NOT NULL DEFAULT '';
UPDATE message SET doubts = (SELECT count(*) FROM attempt WHERE message_id = message.id AND outcome IN ('', 'uncertain'));
DROP INDEX message_due;
CREATE INDEX message_due ON message (profile, precedence, device, due_at) WHERE state IN ('queued', 'uncertain');
CREATE INDEX message_state ON message (state, profile, received_at);
CREATE INDEX message_key ON message (key_id) WHERE key_id <> '';

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
