-- The spool. Times are epoch milliseconds, sizes octets; ids are ULIDs made at acceptance, so rows are appended.
-- Names and columns are the same for every back end; only types differ there.

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (3);

-- One accepted message.
-- state: queued uncertain (its last attempt is in doubt; due like a queued one) leased held corrupt delivered failed dropped
-- precedence: 0 interactive, 1 interactive and large, 2 bulk, 3 bulk and large
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
  answer      TEXT NOT NULL DEFAULT '',
  precedence  INTEGER NOT NULL DEFAULT 2,
  kind        TEXT NOT NULL DEFAULT 'mail', -- mail, or notice: one of our own, about which nobody is told
  author      TEXT NOT NULL DEFAULT '',     -- the person who scanned, as far as the device says
  recipients  INTEGER NOT NULL DEFAULT 0,   -- how many it came with: should one of them be lost, it is damaged
  doubts      INTEGER NOT NULL DEFAULT 0,   -- attempts that may have delivered it without our knowing
  split       INTEGER NOT NULL DEFAULT 0,   -- most recipients of one envelope, as an answer told; 0: the limit of the mailbox
  warned      INTEGER NOT NULL DEFAULT 0,   -- 1: somebody was told that it is late
  key_id      TEXT NOT NULL DEFAULT '',     -- the key its head and body are sealed with; empty: they are not
  held_by     TEXT NOT NULL DEFAULT '',     -- the operator who wants it held: when its attempt ends, while it is leased
  again_at    INTEGER NOT NULL DEFAULT 0,   -- where its age counts from, later than received: an operator sent it again, a pause ended
  transcript  TEXT NOT NULL DEFAULT '',     -- the device's side of SMTP, secrets masked
  arrival     TEXT NOT NULL DEFAULT '',     -- how it came: listener, TLS, what was changed and what was left, as JSON
  subject_hash TEXT NOT NULL DEFAULT ''     -- finds a known subject (relay/message/subject.py); empty without one
) WITHOUT ROWID;
CREATE INDEX message_due ON message (profile, precedence, device, due_at) WHERE state IN ('queued', 'uncertain');
CREATE INDEX message_settled ON message (state, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX message_state ON message (state, received_at, profile, device, size, body_file, subject_hash);
CREATE INDEX message_key ON message (key_id) WHERE key_id <> '';
CREATE INDEX message_again ON message (profile, again_at) WHERE again_at > 0;

-- One row: the octets of all messages whose content is still kept. Counted with each change, so that nobody has to add up.
CREATE TABLE kept (
  only  INTEGER PRIMARY KEY CHECK (only = 1),
  bytes INTEGER NOT NULL
);
INSERT INTO kept VALUES (1, 0);
CREATE TRIGGER kept_accepted AFTER INSERT ON message WHEN new.state NOT IN ('delivered', 'dropped')
BEGIN UPDATE kept SET bytes = bytes + new.size; END;
CREATE TRIGGER kept_settled AFTER UPDATE OF state ON message WHEN (old.state IN ('delivered', 'dropped')) <> (new.state IN ('delivered', 'dropped'))
BEGIN UPDATE kept SET bytes = bytes + CASE WHEN new.state IN ('delivered', 'dropped') THEN -new.size ELSE new.size END; END;
CREATE TRIGGER kept_forgotten AFTER DELETE ON message WHEN old.state NOT IN ('delivered', 'dropped')
BEGIN UPDATE kept SET bytes = bytes - old.size; END;

-- Header section as it will be sent, and the body when it is small. What of the head the device sent: all but the first
-- `added` octets; where that is below zero, `came` is the head as it came, its beginning at least. Neither for older mail.
CREATE TABLE body (
  message_id TEXT PRIMARY KEY,
  head       BLOB NOT NULL,
  content    BLOB,
  came       BLOB,
  added      INTEGER NOT NULL DEFAULT -1
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
  recipients INTEGER NOT NULL DEFAULT 0,  -- how many were taken out of the budget of the day
  transcript TEXT NOT NULL DEFAULT '',    -- Exchange's side of SMTP, secrets masked
  PRIMARY KEY (message_id, n)
) WITHOUT ROWID;

-- What Exchange allows one mailbox: tat is the meter of messages per minute, blocked_until a throttle it told us; pace is
-- the share of its limits that it uses since, 1 when all is well, changed by a throttle; at paced_at that one's rest is over.
CREATE TABLE mailbox (
  name          TEXT PRIMARY KEY,
  tat           INTEGER NOT NULL DEFAULT 0,
  blocked_until INTEGER NOT NULL DEFAULT 0,
  pace          REAL NOT NULL DEFAULT 1,
  paced_at      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Recipients a mailbox has had, by stretches of ten minutes: the rolling window of its day. bucket: when it began.
CREATE TABLE spent (
  mailbox    TEXT NOT NULL,
  bucket     INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  PRIMARY KEY (mailbox, bucket)
) WITHOUT ROWID;

-- One row per connection a mailbox may have open; a connection owns its row until it closes or its lease ends.
CREATE TABLE slot (
  mailbox     TEXT NOT NULL,
  n           INTEGER NOT NULL,
  owner       TEXT NOT NULL DEFAULT '',
  lease_until INTEGER NOT NULL DEFAULT 0,
  large       INTEGER NOT NULL DEFAULT 0, -- 1: a large message is on its way over it
  PRIMARY KEY (mailbox, n)
) WITHOUT ROWID;

-- Devices of a mailbox take turns: who was served last has the highest number.
CREATE TABLE turn (
  mailbox TEXT NOT NULL,
  device  TEXT NOT NULL,
  served  INTEGER NOT NULL,
  PRIMARY KEY (mailbox, device)
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

-- Somebody is to be told of a recipient that was not reached (n), or of a message that is late (n = -1); written with its
-- settlement, gone with the notice in the spool. what: failed delayed. who: the address that is told, empty until chosen
CREATE TABLE notice (
  message_id TEXT NOT NULL,
  n          INTEGER NOT NULL,
  what       TEXT NOT NULL,
  who        TEXT NOT NULL DEFAULT '',
  profile    TEXT NOT NULL,
  cause      TEXT NOT NULL,             -- the rule of the answer: notices of one cause are gathered
  at         INTEGER NOT NULL,
  meaning    TEXT NOT NULL DEFAULT '',
  remedy     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (message_id, n, what, who)
) WITHOUT ROWID;
CREATE INDEX notice_due ON notice (who, what, profile, cause, at);

-- What happened to a message besides attempts: orders of an operator, above all. who: a user of this machine, or the relay
CREATE TABLE event (
  message_id TEXT NOT NULL,
  at         INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  what       TEXT NOT NULL,
  who        TEXT NOT NULL DEFAULT '',
  detail     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (message_id, at, n)
) WITHOUT ROWID;
