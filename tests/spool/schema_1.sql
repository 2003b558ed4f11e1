-- The spool. Times are epoch milliseconds, sizes octets; ids are ULIDs made at acceptance, so rows are appended.
-- Names and columns are the same for every back end; only types differ there.

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);

-- One accepted message. state: queued leased held delivered failed
CREATE TABLE message (
  id          TEXT PRIMARY KEY,
  device      TEXT NOT NULL,
  profile     TEXT NOT NULL,
  mailbox     TEXT NOT NULL,
  sender      TEXT NOT NULL,              -- reverse-path to use upstream
  client      TEXT NOT NULL,
  state       TEXT NOT NULL,
  due_at      INTEGER NOT NULL,           -- not before; while leased: when to try again should we die now
  lease_until INTEGER NOT NULL DEFAULT 0,
  fence       INTEGER NOT NULL DEFAULT 0, -- counts claims; a settlement with an old one is refused
  attempts    INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL,
  settled_at  INTEGER,
  size        INTEGER NOT NULL,
  body_size   INTEGER NOT NULL,
  eight_bit   INTEGER NOT NULL,
  body_file   INTEGER NOT NULL,           -- 1: the body is a file named by the id
  rule        TEXT NOT NULL DEFAULT '',   -- what the last answer meant
  answer      TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX message_due ON message (profile, due_at) WHERE state = 'queued';
CREATE INDEX message_settled ON message (settled_at) WHERE settled_at IS NOT NULL;

-- Header section as it will be sent, and the body when it is small.
CREATE TABLE body (
  message_id TEXT PRIMARY KEY,
  head       BLOB NOT NULL,
  content    BLOB
) WITHOUT ROWID;

-- state: pending delivered failed
CREATE TABLE recipient (
  message_id TEXT NOT NULL,
  n          INTEGER NOT NULL,
  address    TEXT NOT NULL,
  state      TEXT NOT NULL DEFAULT 'pending',
  answer     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (message_id, n)
) WITHOUT ROWID;

-- One try; written before the wire is touched. outcome is empty while under way: after a crash, in doubt.
CREATE TABLE attempt (
  message_id TEXT NOT NULL,
  n          INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  outcome    TEXT NOT NULL DEFAULT '',
  host       TEXT NOT NULL DEFAULT '',
  stage      TEXT NOT NULL DEFAULT '',
  rule       TEXT NOT NULL DEFAULT '',
  answer     TEXT NOT NULL DEFAULT '',
  meaning    TEXT NOT NULL DEFAULT '',
  remedy     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (message_id, n)
) WITHOUT ROWID;

-- What Exchange allows one mailbox: tat is the meter of messages per minute, blocked_until a throttle it told us.
CREATE TABLE mailbox (
  name          TEXT PRIMARY KEY,
  tat           INTEGER NOT NULL DEFAULT 0,
  blocked_until INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- One row per connection a mailbox may have open; a connection owns its row until it closes or its lease ends.
CREATE TABLE slot (
  mailbox     TEXT NOT NULL,
  n           INTEGER NOT NULL,
  owner       TEXT NOT NULL DEFAULT '',
  lease_until INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (mailbox, n)
) WITHOUT ROWID;

-- A profile whose mail waits until somebody mends its configuration.
CREATE TABLE pause (
  profile TEXT PRIMARY KEY,
  since   INTEGER NOT NULL,
  until   INTEGER NOT NULL,
  rule    TEXT NOT NULL,
  answer  TEXT NOT NULL,
  meaning TEXT NOT NULL,
  remedy  TEXT NOT NULL
) WITHOUT ROWID;
