-- Named statements, shared by all back ends. One meaning each; parameters by name.

-- name: accept
-- The message with its body and its first recipient (steps.sql).
INSERT INTO accepted (id, device, profile, mailbox, sender, client, due_at, size, body_size, eight_bit, body_file,
  precedence, kind, author, transcript, key_id, recipients, arrival, subject_hash, head, content, came, added, address)
VALUES (:id, :device, :profile, :mailbox, :sender, :client, :now, :size, :body_size, :eight_bit, :body_file,
  :precedence, :kind, :author, :transcript, :key_id, :recipients, :arrival, :subject_hash, :head, :content, :came, :added,
  :address);

-- name: insert_recipient
INSERT INTO recipient (message_id, n, address) VALUES (:id, :n, :address);

-- name: add_mailbox
INSERT INTO mailbox (name) VALUES (:mailbox) ON CONFLICT DO NOTHING;

-- name: add_slot
INSERT INTO slot (mailbox, n) VALUES (:mailbox, :n) ON CONFLICT DO NOTHING;

-- name: free_slot
UPDATE slot SET owner = '', lease_until = 0 WHERE owner = :owner;

-- name: free_all_slots
UPDATE slot SET owner = '', lease_until = 0 WHERE owner <> '';

-- name: lease
-- The message with its attempt, its device's turn and what its recipients take of the day (steps.sql).
INSERT INTO lease (id, n, now, lease_until, due_at, recipients, mailbox, device, turn, bucket)
VALUES (:id, :n, :now, :lease_until, :due_at, :recipients, :mailbox, :device, :turn, :bucket);

-- name: pending_recipients
SELECT address FROM recipient WHERE message_id = :id AND state = 'pending' ORDER BY n;

-- name: settle_message
UPDATE message SET state = CASE WHEN held_by <> '' AND :state IN ('queued', 'uncertain') THEN 'held' ELSE :state END,
  due_at = :due_at, lease_until = 0, settled_at = :settled_at, rule = :rule, answer = :answer,
  doubts = doubts + :doubt, split = CASE WHEN :split = 0 THEN split ELSE :split END
WHERE id = :id AND fence = :fence AND state = 'leased';

-- name: arrive
-- All recipients of a message at its first attempt, with one answer (steps.sql); nothing where the fence is an old one.
INSERT INTO arrival (id, fence, n, now, due_at, outcome, host, stage, rule, answer, meaning, remedy, transcript, said)
VALUES (:id, :fence, :n, :now, :due_at, :outcome, :host, :stage, :rule, :answer, :meaning, :remedy, :transcript, :said);

-- name: settle_attempt
UPDATE attempt SET ended_at = :now, outcome = :outcome, host = :host, stage = :stage, rule = :rule, answer = :answer,
  meaning = :meaning, remedy = :remedy, transcript = :transcript
WHERE message_id = :id AND n = :n;

-- name: settle_recipient
UPDATE recipient SET state = :state, answer = :answer WHERE message_id = :id AND address = :address AND state = 'pending';

-- name: drop_body
DELETE FROM body WHERE message_id = :id;

-- name: add_pause
INSERT INTO pause (profile, since, until, rule, answer, meaning, remedy)
VALUES (:profile, :since, :until, :rule, :answer, :meaning, :remedy)
ON CONFLICT (profile) DO UPDATE SET until = excluded.until, rule = excluded.rule, answer = excluded.answer,
  meaning = excluded.meaning, remedy = excluded.remedy;

-- name: drop_pause
DELETE FROM pause WHERE profile = :profile;

-- name: paused_next
-- In steps, so that no device waits for a hundred thousand messages.
SELECT id FROM message WHERE id > :after AND profile = :profile AND +state IN ('queued', 'uncertain', 'leased')
  AND EXISTS (SELECT 1 FROM pause WHERE profile = :profile)
ORDER BY id LIMIT 500;

-- name: paused_no_longer
-- The time of the pause is no part of the age of mail that waited for its end.
UPDATE message SET again_at = max(received_at, again_at) + :now - max(received_at, again_at, pause.since)
FROM pause WHERE pause.profile = :profile AND message.id = :id AND max(received_at, again_at, pause.since) < :now;

-- name: due_now
UPDATE message SET due_at = :now WHERE profile = :profile AND state IN ('queued', 'uncertain') AND due_at > :now;

-- name: pauses
SELECT profile, since, until, rule, answer, meaning, remedy FROM pause;

-- name: profiles_waiting
-- From profile to profile by the index, however much mail each has; and those of messages under way.
WITH RECURSIVE one (profile) AS (
  SELECT min(profile) FROM message INDEXED BY message_due WHERE state IN ('queued', 'uncertain')
  UNION ALL
  SELECT (SELECT min(m.profile) FROM message m INDEXED BY message_due WHERE m.state IN ('queued', 'uncertain') AND m.profile > one.profile)
  FROM one WHERE one.profile IS NOT NULL)
SELECT profile FROM one WHERE profile IS NOT NULL
UNION
SELECT profile FROM message INDEXED BY message_state WHERE state = 'leased';

-- name: release_leased
-- A crash between claim and settlement: the attempt stays without outcome (in doubt), the message keeps its due time.
UPDATE message SET state = CASE WHEN held_by = '' THEN 'uncertain' ELSE 'held' END, doubts = doubts + 1, lease_until = 0
WHERE state = 'leased';

-- name: hold_leased
-- The same for whoever wants no message to arrive twice: a person decides.
UPDATE message SET state = 'held', doubts = doubts + 1, lease_until = 0, rule = 'spool.interrupted',
  answer = 'the relay ended within an attempt: the message may have arrived' WHERE state = 'leased';

-- name: files_expected
SELECT id FROM message WHERE body_file = 1 AND state IN ('queued', 'uncertain', 'leased', 'held', 'corrupt', 'failed');

-- name: old_messages
SELECT id, body_file FROM message WHERE state = 'delivered' AND settled_at IS NOT NULL AND settled_at < :delivered_before
UNION ALL
SELECT id, body_file FROM message
WHERE state IN ('failed', 'dropped') AND settled_at IS NOT NULL AND settled_at < :failed_before
LIMIT 500;

-- name: forget_message
DELETE FROM message WHERE id = :id;

-- name: forget_recipients
DELETE FROM recipient WHERE message_id = :id;

-- name: forget_attempts
DELETE FROM attempt WHERE message_id = :id;

-- name: forget_events
DELETE FROM event WHERE message_id = :id;

-- name: forget_notices
DELETE FROM notice WHERE message_id = :id;

-- name: count_states
SELECT state, count(*) FROM message GROUP BY state;

-- name: recipients_of
SELECT address, state, answer FROM recipient WHERE message_id = :id ORDER BY n;

-- name: attempts_of
SELECT started_at, ended_at, outcome, host, stage, rule, answer, meaning, remedy FROM attempt WHERE message_id = :id ORDER BY n;

-- name: judged_by_rules_like
SELECT rule, stage, answer, started_at FROM attempt WHERE rule LIKE :pattern ORDER BY started_at;

-- name: failed_recipients
SELECT count(*) FROM recipient WHERE message_id = :id AND state = 'failed';

-- name: mark_failed
UPDATE message SET state = 'failed' WHERE id = :id;

-- sealing

-- name: sealed_head
SELECT m.key_id, b.head FROM message m JOIN body b ON b.message_id = m.id WHERE m.id = :id;

-- name: heads_of
SELECT m.key_id, b.head, b.came, b.added FROM message m JOIN body b ON b.message_id = m.id WHERE m.id = :id;

-- name: content_of
SELECT m.key_id, b.head, b.content, m.body_size, m.body_file FROM message m JOIN body b ON b.message_id = m.id WHERE m.id = :id;

-- name: keys_in_use
SELECT DISTINCT key_id FROM message WHERE key_id <> '' AND state IN ('queued', 'uncertain', 'held');

-- name: hold_unreadable
UPDATE message SET state = 'held', rule = 'spool.key-missing', answer = :answer
WHERE key_id = :key_id AND state IN ('queued', 'uncertain');

-- name: held_unreadable
SELECT count(*) FROM message WHERE +key_id = :key_id AND state = 'held' AND rule = 'spool.key-missing';

-- name: release_readable
-- What was in doubt before it was held is so again.
UPDATE message SET state = CASE WHEN doubts > 0 THEN 'uncertain' ELSE 'queued' END, due_at = :now, rule = '', answer = ''
WHERE +key_id = :key_id AND state = 'held' AND rule = 'spool.key-missing';

-- Upkeep and what it looks at.

-- name: kept_bytes
SELECT bytes FROM kept;

-- name: next_messages
SELECT id, state FROM message WHERE id > :after ORDER BY id LIMIT :limit;

-- name: stored_parts
SELECT m.state, m.device, m.profile, m.mailbox, m.sender, m.key_id, m.due_at, m.received_at, m.size, m.body_size, m.eight_bit,
  m.body_file, m.attempts, m.fence, m.precedence, m.recipients,
  (SELECT count(*) FROM recipient WHERE message_id = m.id) AS recipients_left,
  (SELECT address FROM recipient WHERE message_id = m.id AND state = 'pending' ORDER BY n LIMIT 1) AS address,
  typeof(b.head) AS head, length(b.content) AS content_size
FROM message m LEFT JOIN body b ON b.message_id = m.id WHERE m.id = :id;

-- name: claimed_parts
-- The same, and what else an attempt needs; `behind_…`: the next message of that device and precedence, cast so that they
-- can be read whatever has happened to it: its damage is not this one's.
SELECT m.id, m.state, m.device, m.profile, m.mailbox, m.sender, m.key_id, m.due_at, m.received_at, m.size, m.body_size, m.eight_bit,
  m.body_file, m.attempts, m.fence, m.precedence, m.recipients,
  (SELECT count(*) FROM recipient WHERE message_id = m.id) AS recipients_left,
  (SELECT address FROM recipient WHERE message_id = m.id AND state = 'pending' ORDER BY n LIMIT 1) AS address,
  typeof(b.head) AS head, length(b.content) AS content_size,
  CAST(b.head AS BLOB) AS head_octets, CAST(b.content AS BLOB) AS content, m.again_at, m.doubts, m.split,
  CAST(behind.id AS BLOB) AS behind_id, CAST(behind.due_at AS INTEGER) AS behind_due_at
FROM message m LEFT JOIN body b ON b.message_id = m.id
LEFT JOIN message behind ON behind.id = (SELECT n.id FROM message n INDEXED BY message_due
  WHERE n.state IN ('queued', 'uncertain') AND n.profile = m.profile AND n.precedence = m.precedence AND n.device = m.device
    AND (n.due_at, n.id) > (m.due_at, m.id) ORDER BY n.due_at, n.id LIMIT 1)
WHERE m.id = :id;

-- name: condemn
UPDATE message SET state = 'corrupt', lease_until = 0, rule = :rule, answer = :answer
WHERE id = :id AND state NOT IN ('leased', 'corrupt', 'delivered', 'failed', 'dropped');

-- name: note_corrupt
INSERT INTO event (message_id, at, n, what, who, detail)
VALUES (:id, :now, (SELECT count(*) FROM event WHERE message_id = :id), 'corrupt', 'relay', :answer);

-- name: leavings
-- What other tables know of a message: octets of its header and of its small body, recipients that still wait.
SELECT (SELECT length(head) FROM body WHERE message_id = :id), (SELECT length(content) FROM body WHERE message_id = :id),
  (SELECT count(*) FROM recipient WHERE message_id = :id AND state = 'pending');

-- name: adopt_message
INSERT INTO message (id, device, profile, mailbox, sender, client, state, due_at, received_at, size, body_size, eight_bit, body_file,
  rule, answer)
VALUES (:id, '', '', '', '', '', 'corrupt', 0, :received_at, :size, :body_size, 0, :body_file, :rule, :answer)
ON CONFLICT DO NOTHING;

-- The story of one message.

-- name: story_message
SELECT * FROM message WHERE id = :id;

-- name: story_recipients
SELECT address, state, answer FROM recipient WHERE message_id = :id ORDER BY n;

-- name: story_attempts
SELECT * FROM attempt WHERE message_id = :id ORDER BY n;

-- name: story_events
SELECT at, what, who, detail FROM event WHERE message_id = :id ORDER BY at, n;

-- name: story_notices
SELECT at, what, cause FROM notice WHERE message_id = :id ORDER BY at;

-- name: ids_beginning
SELECT id FROM message WHERE id >= :text AND id < :text || '~' ORDER BY id LIMIT :limit;

-- name: ids_ending
SELECT id FROM message INDEXED BY message_state WHERE substr(id, -length(:text)) = :text ORDER BY id LIMIT :limit;

-- name: ids_called
-- By Message-ID, among the newest messages: `arrival` is searched, row by row.
SELECT id FROM (SELECT id, arrival FROM message ORDER BY id DESC LIMIT :newest)
WHERE instr(arrival, '"message_id": ' || :quoted) > 0 LIMIT :limit;

-- Whose turn it is, and what a mailbox may have.

-- name: heads
-- The first waiting message of each precedence and device: one seek each, however many wait behind it.
WITH RECURSIVE head (id, precedence, device, due_at) AS (
  SELECT * FROM (SELECT id, precedence, device, due_at FROM message INDEXED BY message_due
    WHERE profile = :profile AND state IN ('queued', 'uncertain') ORDER BY precedence, device, due_at LIMIT 1)
  UNION ALL
  SELECT m.id, m.precedence, m.device, m.due_at FROM head CROSS JOIN message m ON m.id = coalesce(
    (SELECT id FROM message INDEXED BY message_due WHERE profile = :profile AND state IN ('queued', 'uncertain')
      AND precedence = head.precedence AND device > head.device ORDER BY device, due_at LIMIT 1),
    (SELECT id FROM message INDEXED BY message_due WHERE profile = :profile AND state IN ('queued', 'uncertain')
      AND precedence > head.precedence ORDER BY precedence, device, due_at LIMIT 1)))
SELECT id, precedence, device, due_at FROM head;

-- name: turns
SELECT device, served FROM turn WHERE mailbox = :mailbox;

-- name: postpone
UPDATE message SET due_at = :due_at WHERE id = :id;

-- name: standing
SELECT tat, blocked_until, pace, paced_at FROM mailbox WHERE name = :mailbox;

-- name: set_meter
UPDATE mailbox SET tat = :tat WHERE name = :mailbox;

-- name: block_mailbox
UPDATE mailbox SET blocked_until = :until WHERE name = :mailbox;

-- name: set_pace
UPDATE mailbox SET pace = :pace, paced_at = :paced_at WHERE name = :mailbox;

-- name: account
-- All that a claim asks of a mailbox: its standing, its day, a row for each of its slots.
SELECT m.tat, m.blocked_until, m.pace, m.paced_at, day.spent, day.oldest, day.newest, s.n, s.owner, s.lease_until, s.large
FROM mailbox m CROSS JOIN (SELECT coalesce(sum(recipients), 0) AS spent, min(bucket) AS oldest, max(bucket) AS newest FROM spent
  WHERE mailbox = :mailbox AND bucket > :window_from AND recipients > 0) day
LEFT JOIN slot s ON s.mailbox = m.name WHERE m.name = :mailbox ORDER BY s.n;

-- name: take_slot
UPDATE slot SET owner = :owner, lease_until = :lease_until, large = :large WHERE mailbox = :mailbox AND n = :n;

-- name: nothing_large
UPDATE slot SET large = 0 WHERE mailbox = :mailbox AND owner = :owner AND large = 1;

-- name: spent
SELECT coalesce(sum(recipients), 0), min(bucket), max(bucket) FROM spent
WHERE mailbox = :mailbox AND bucket > :window_from AND recipients > 0;

-- name: spend
INSERT INTO spent (mailbox, bucket, recipients) VALUES (:mailbox, :bucket, :recipients)
ON CONFLICT DO UPDATE SET recipients = recipients + excluded.recipients;

-- name: refund
UPDATE spent SET recipients = max(0, recipients - :recipients) WHERE mailbox = :mailbox AND bucket = :bucket;

-- name: forget_spent
DELETE FROM spent WHERE mailbox = :mailbox AND bucket <= :window_from;

-- name: spent_ahead
-- What a clock that has been put back since dated into the future.
DELETE FROM spent WHERE mailbox = :mailbox AND bucket > :bucket RETURNING recipients;

-- name: mailboxes
SELECT m.name, m.blocked_until, m.pace, m.paced_at,
  (SELECT coalesce(sum(recipients), 0) FROM spent WHERE mailbox = m.name AND bucket > :window_from),
  (SELECT count(*) FROM slot WHERE mailbox = m.name AND owner <> '' AND lease_until > :now)
FROM mailbox m ORDER BY m.name;

-- name: shape
-- Ages by how many are younger than each limit.
SELECT state, profile, count(*), sum(size), min(received_at),
  sum(received_at > :age_0), sum(received_at > :age_1), sum(received_at > :age_2), sum(received_at > :age_3),
  sum(received_at > :age_4)
FROM message WHERE state IN ('queued', 'uncertain', 'leased', 'held', 'corrupt') GROUP BY state, profile;

-- name: volumes
-- By device: the newest message, and how much of each time is left. Answered from message_state alone.
SELECT device, max(received_at), id, count(*), sum(received_at > :day), sum(CASE WHEN received_at > :day THEN size ELSE 0 END),
  sum(received_at > :week), sum(CASE WHEN received_at > :week THEN size ELSE 0 END)
FROM message GROUP BY device;

-- name: version_of
SELECT version FROM schema_version;

-- name: tables
SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%';

-- Notifications.

-- name: oldest_waiting
-- One look into the index for each state; NULL where nothing waits.
SELECT min(received_at) FROM (
  SELECT min(received_at) AS received_at FROM message WHERE state = 'queued'
  UNION ALL SELECT min(received_at) FROM message WHERE state = 'uncertain'
  UNION ALL SELECT min(received_at) FROM message WHERE state = 'leased');

-- name: spent_by_mailbox
SELECT mailbox, sum(recipients) FROM spent WHERE bucket > :window_from GROUP BY mailbox;

-- name: move_messages
UPDATE message SET received_at = received_at + :aged, due_at = due_at + :by, lease_until = lease_until + :by,
  settled_at = settled_at + :aged, again_at = CASE again_at WHEN 0 THEN 0 ELSE again_at + :aged END;

-- name: move_attempts
UPDATE attempt SET started_at = started_at + :by, ended_at = ended_at + :by;

-- name: newest_event
SELECT max((SELECT coalesce(max(received_at), 0) FROM message), (SELECT coalesce(max(started_at), 0) FROM attempt));

-- name: move_mailboxes
UPDATE mailbox SET tat = tat + :by, blocked_until = blocked_until + :by, paced_at = paced_at + :by;

-- name: move_pauses
UPDATE pause SET since = since + :by, until = until + :by;

-- name: move_slots
UPDATE slot SET lease_until = lease_until + :by WHERE owner <> '';

-- name: move_notices
UPDATE notice SET at = at + :by;

-- name: move_spent_aside
-- In two steps, because no stretch may meet another one of its mailbox on the way.
UPDATE spent SET bucket = -(bucket + :stretches);

-- name: move_spent
UPDATE spent SET bucket = -bucket;

-- What was dated by a clock that has been put back while nothing ran. Days of a mailbox: see spent_ahead.
-- name: messages_ahead
UPDATE message SET received_at = min(received_at, :now), settled_at = min(settled_at, :now),
  due_at = CASE WHEN due_at > :now THEN max(:now, due_at - :ahead) ELSE due_at END,
  again_at = min(again_at, :now)
WHERE received_at > :now OR due_at > :now OR settled_at > :now OR again_at > :now;

-- name: attempts_ahead
UPDATE attempt SET started_at = min(started_at, :now), ended_at = min(ended_at, :now) WHERE started_at > :now;

-- name: mailboxes_ahead
UPDATE mailbox SET tat = min(tat, max(:now, tat - :ahead)), blocked_until = min(blocked_until, max(:now, blocked_until - :ahead)),
  paced_at = min(paced_at, max(:now, paced_at - :ahead));

-- name: pauses_ahead
UPDATE pause SET since = min(since, :now), until = min(until, max(:now, until - :ahead));

-- name: notices_ahead
UPDATE notice SET at = min(at, :now);

-- Notices: who is to be told of what, and what is late or too old (notices.py, sweeps.py).

-- name: owe_failed
INSERT INTO notice (message_id, n, what, profile, cause, at, meaning, remedy)
SELECT m.id, r.n, 'failed', m.profile, :rule, :now, :meaning, :remedy
FROM message m JOIN recipient r ON r.message_id = m.id
WHERE m.id = :id AND r.address = :address AND r.state = 'failed' AND m.kind = 'mail'
ON CONFLICT (message_id, n, what, who) DO UPDATE SET cause = excluded.cause, at = excluded.at, meaning = excluded.meaning,
  remedy = excluded.remedy;

-- name: owe_expired
INSERT INTO notice (message_id, n, what, profile, cause, at, meaning, remedy)
SELECT m.id, r.n, 'failed', m.profile, :rule, :now, :meaning, :remedy
FROM message m JOIN recipient r ON r.message_id = m.id
WHERE m.id = :id AND r.state = 'pending' AND m.kind = 'mail'
ON CONFLICT (message_id, n, what, who) DO NOTHING;

-- name: owe_delayed
INSERT INTO notice (message_id, n, what, profile, cause, at, meaning, remedy)
VALUES (:id, -1, 'delayed', :profile, :rule, :now, :meaning, :remedy) ON CONFLICT DO NOTHING;

-- name: unaddressed
SELECT message_id, what FROM notice WHERE who = '' LIMIT 500;

-- name: owed_of
SELECT author, device, profile FROM message WHERE id = :id;

-- name: address_notice
INSERT INTO notice (message_id, n, what, who, profile, cause, at, meaning, remedy)
SELECT message_id, n, what, :who, profile, cause, at, meaning, remedy FROM notice
WHERE message_id = :id AND what = :what AND who = ''
ON CONFLICT (message_id, n, what, who) DO UPDATE SET cause = excluded.cause, at = excluded.at, meaning = excluded.meaning,
  remedy = excluded.remedy;

-- name: forget_unaddressed
DELETE FROM notice WHERE message_id = :id AND what = :what AND who = '';

-- name: notice_groups
SELECT who, what, profile, cause, min(at) FROM notice WHERE who <> '' GROUP BY who, what, profile, cause;

-- name: blocked_mailboxes
SELECT name, blocked_until FROM mailbox WHERE blocked_until > :now;

-- name: failed_of_group
-- What an operator has sent again meanwhile is no longer failed.
SELECT DISTINCT n.message_id FROM notice n JOIN recipient r ON r.message_id = n.message_id AND r.n = n.n
WHERE n.who = :who AND n.what = :what AND n.profile = :profile AND n.cause = :cause AND r.state = 'failed'
ORDER BY n.message_id;

-- name: delayed_of_group
-- What has left or failed meanwhile is no longer late.
SELECT n.message_id FROM notice n JOIN message m ON m.id = n.message_id
WHERE n.who = :who AND n.what = :what AND n.profile = :profile AND n.cause = :cause
  AND m.state IN ('queued', 'uncertain', 'leased')
ORDER BY n.message_id;

-- name: noticed_message
SELECT device, mailbox, received_at, doubts, answer FROM message WHERE id = :id;

-- name: noticed_words
SELECT meaning, remedy FROM notice
WHERE who = :who AND what = :what AND profile = :profile AND cause = :cause AND message_id = :id LIMIT 1;

-- name: noticed_failed
SELECT r.address, r.answer FROM notice n JOIN recipient r ON r.message_id = n.message_id AND r.n = n.n
WHERE n.message_id = :id AND n.who = :who AND n.what = :what AND n.cause = :cause AND r.state = 'failed' ORDER BY n.n;

-- name: last_host
SELECT host FROM attempt WHERE message_id = :id AND host <> '' ORDER BY n DESC LIMIT 1;

-- name: note_noticed
INSERT INTO event (message_id, at, n, what, who, detail)
SELECT DISTINCT g.message_id, :now, (SELECT count(*) FROM event e WHERE e.message_id = g.message_id), 'notice.queued', 'relay',
  :detail
FROM notice g WHERE g.who = :who AND g.what = :what AND g.profile = :profile AND g.cause = :cause;

-- name: note_nobody
INSERT INTO event (message_id, at, n, what, who, detail)
VALUES (:id, :now, (SELECT count(*) FROM event WHERE message_id = :id), 'notice.nobody', 'relay', :detail);

-- name: forget_group
DELETE FROM notice WHERE who = :who AND what = :what AND profile = :profile AND cause = :cause;

-- name: forget_told
DELETE FROM notice WHERE message_id = :id AND what = 'failed';

-- name: late_messages
SELECT id, rule FROM message
WHERE state = :state AND profile = :profile AND received_at >= :after AND received_at < :before AND again_at < :before
  AND warned = 0 AND kind = 'mail'
UNION
SELECT id, rule FROM message INDEXED BY message_again
WHERE state = :state AND profile = :profile AND again_at > 0 AND again_at >= :after AND again_at < :before
  AND warned = 0 AND kind = 'mail'
LIMIT 500;

-- name: mark_warned
UPDATE message SET warned = 1 WHERE id = :id;

-- name: old_waiting
SELECT id, received_at, rule, answer, attempts, device, mailbox FROM message
WHERE state = :state AND profile = :profile AND received_at < :before AND again_at < :before
  AND (received_at, id) > (:after, :after_id)
ORDER BY received_at, id LIMIT 500;

-- name: last_judgement
SELECT meaning, remedy FROM attempt WHERE message_id = :id AND rule <> '' ORDER BY n DESC LIMIT 1;

-- name: expire_message
UPDATE message SET state = 'failed', settled_at = :now, rule = :rule, answer = :answer
WHERE id = :id AND state IN ('queued', 'uncertain');

-- name: expire_recipients
UPDATE recipient SET state = 'failed', answer = :answer WHERE message_id = :id AND state = 'pending';

-- name: ordered_row
SELECT state, profile, body_file, rule, held_by FROM message WHERE id = :id;

-- name: due_now_by_order
UPDATE message SET due_at = :now WHERE id = :id;

-- name: queue_again
-- What was in doubt before is so again; its age counts from now.
UPDATE message SET state = CASE WHEN doubts > 0 THEN 'uncertain' ELSE 'queued' END, due_at = :now, again_at = :now,
  settled_at = NULL, held_by = '', warned = 0 WHERE id = :id;

-- name: recipients_again
UPDATE recipient SET state = 'pending', answer = '' WHERE message_id = :id AND state = 'failed';

-- name: hold_by_order
-- One that is leased is held when its attempt ends, unless that is its end.
UPDATE message SET held_by = :who, state = CASE state WHEN 'leased' THEN 'leased' ELSE 'held' END WHERE id = :id;

-- name: hold_no_longer
UPDATE message SET held_by = '' WHERE id = :id;

-- name: drop_by_order
UPDATE message SET state = 'dropped', settled_at = :now, held_by = '' WHERE id = :id;

-- name: owe_no_notice
DELETE FROM notice WHERE message_id = :id;

-- name: note_order
INSERT INTO event (message_id, at, n, what, who, detail)
VALUES (:id, :now, (SELECT count(*) FROM event WHERE message_id = :id), :order, :who, :detail);

-- name: events_of
SELECT at, what, who, detail FROM event WHERE message_id = :id ORDER BY at, n;

-- name: notices_of
SELECT what, cause, min(at) FROM notice WHERE message_id = :id GROUP BY what, cause ORDER BY min(at);
