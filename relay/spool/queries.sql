-- Named statements, shared by all back ends. One meaning each; parameters by name.

-- name: insert_message
INSERT INTO message (id, device, profile, mailbox, sender, client, state, due_at, received_at, size, body_size, eight_bit, body_file,
  precedence, kind, author, transcript, key_id)
VALUES (:id, :device, :profile, :mailbox, :sender, :client, 'queued', :now, :now, :size, :body_size, :eight_bit, :body_file,
  :precedence, :kind, :author, :transcript, :key_id);

-- name: insert_body
INSERT INTO body (message_id, head, content) VALUES (:id, :head, :content);

-- name: insert_recipient
INSERT INTO recipient (message_id, n, address) VALUES (:id, :n, :address);

-- name: add_mailbox
INSERT INTO mailbox (name) VALUES (:mailbox) ON CONFLICT DO NOTHING;

-- name: add_slot
INSERT INTO slot (mailbox, n) VALUES (:mailbox, :n) ON CONFLICT DO NOTHING;

-- name: take_slot
-- The owner's own slot is renewed; else a free one is taken.
UPDATE slot SET owner = :owner, lease_until = :lease_until
WHERE mailbox = :mailbox AND n = (
  SELECT n FROM slot WHERE mailbox = :mailbox AND n < :sessions AND (owner = :owner OR owner = '' OR lease_until <= :now)
  ORDER BY owner = :owner DESC, n LIMIT 1);

-- name: free_slot
UPDATE slot SET owner = '', lease_until = 0 WHERE owner = :owner;

-- name: free_all_slots
UPDATE slot SET owner = '', lease_until = 0 WHERE owner <> '';

-- name: mailbox_meter
SELECT tat, blocked_until FROM mailbox WHERE name = :mailbox;

-- name: set_meter
UPDATE mailbox SET tat = :tat WHERE name = :mailbox;

-- name: block_mailbox
UPDATE mailbox SET blocked_until = :until WHERE name = :mailbox;

-- name: next_due
SELECT id, due_at FROM message WHERE profile = :profile AND state IN ('queued', 'uncertain') ORDER BY due_at LIMIT 1;

-- name: lease_message
UPDATE message SET state = 'leased', fence = fence + 1, attempts = attempts + 1, lease_until = :lease_until, due_at = :due_at
WHERE id = :id AND state IN ('queued', 'uncertain')
RETURNING device, profile, mailbox, sender, body_size, eight_bit, body_file, attempts, fence, received_at;

-- name: attempts_so_far
SELECT attempts FROM message WHERE id = :id;

-- name: doubtful_attempts
SELECT count(*) FROM attempt WHERE message_id = :id AND outcome IN ('', 'uncertain');

-- name: insert_attempt
INSERT INTO attempt (message_id, n, started_at) VALUES (:id, :n, :now);

-- name: body_of
SELECT head, content FROM body WHERE message_id = :id;

-- name: pending_recipients
SELECT address FROM recipient WHERE message_id = :id AND state = 'pending' ORDER BY n;

-- name: settle_message
UPDATE message SET state = :state, due_at = :due_at, lease_until = 0, settled_at = :settled_at, rule = :rule, answer = :answer
WHERE id = :id AND fence = :fence AND state = 'leased';

-- name: settle_attempt
UPDATE attempt SET ended_at = :now, outcome = :outcome, host = :host, stage = :stage, rule = :rule, answer = :answer,
  meaning = :meaning, remedy = :remedy
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

-- name: due_now
UPDATE message SET due_at = :now WHERE profile = :profile AND state IN ('queued', 'uncertain') AND due_at > :now;

-- name: pauses
SELECT profile, since, until, rule, answer, meaning, remedy FROM pause;

-- name: waiting
SELECT DISTINCT mailbox, profile FROM message WHERE state IN ('queued', 'uncertain');

-- name: release_leased
-- A crash between claim and settlement: the attempt stays without outcome (in doubt), the message keeps its due time.
UPDATE message SET state = 'uncertain', doubts = doubts + 1, lease_until = 0 WHERE state = 'leased';

-- name: hold_leased
-- The same for whoever wants no message to arrive twice: a person decides.
UPDATE message SET state = 'held', doubts = doubts + 1, lease_until = 0, rule = 'spool.interrupted',
  answer = 'the relay ended within an attempt: the message may have arrived' WHERE state = 'leased';

-- name: files_expected
SELECT id FROM message WHERE body_file = 1 AND state IN ('queued', 'uncertain', 'leased', 'held', 'failed');

-- name: hold_damaged
UPDATE message SET state = 'corrupt', rule = 'spool.body-missing', answer = 'the file of the body is gone'
WHERE id = :id AND state IN ('queued', 'uncertain');

-- name: old_messages
SELECT id, body_file FROM message
WHERE settled_at IS NOT NULL AND (state = 'delivered' AND settled_at < :delivered_before
   OR state = 'failed' AND settled_at < :failed_before)
LIMIT 500;

-- name: forget_message
DELETE FROM message WHERE id = :id;

-- name: forget_recipients
DELETE FROM recipient WHERE message_id = :id;

-- name: forget_attempts
DELETE FROM attempt WHERE message_id = :id;

-- name: list_messages
-- Without a state: everything not settled.
SELECT m.id, m.state, m.received_at, m.device, m.profile, m.size, m.attempts, m.due_at, p.until, b.blocked_until, m.answer
FROM message m LEFT JOIN pause p ON p.profile = m.profile LEFT JOIN mailbox b ON b.name = lower(m.mailbox)
WHERE CASE WHEN :state IS NULL THEN m.settled_at IS NULL ELSE m.state = :state END
ORDER BY m.id LIMIT :limit;

-- name: count_states
SELECT state, count(*) FROM message GROUP BY state;

-- name: show_message
SELECT m.id, m.state, m.received_at, m.device, m.profile, m.mailbox, m.client, m.sender, m.size, m.due_at, m.attempts, p.until,
  b.blocked_until
FROM message m LEFT JOIN pause p ON p.profile = m.profile LEFT JOIN mailbox b ON b.name = lower(m.mailbox) WHERE m.id = :id;

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

-- name: key_of
SELECT key_id FROM message WHERE id = :id;

-- name: sealed_head
SELECT m.key_id, b.head FROM message m JOIN body b ON b.message_id = m.id WHERE m.id = :id;

-- name: content_of
SELECT m.key_id, b.head, b.content, m.body_size, m.body_file FROM message m JOIN body b ON b.message_id = m.id WHERE m.id = :id;

-- name: keys_in_use
SELECT DISTINCT key_id FROM message WHERE key_id <> '';

-- name: hold_unreadable
UPDATE message SET state = 'held', rule = 'spool.key-missing', answer = :answer
WHERE key_id = :key_id AND state IN ('queued', 'uncertain');

-- name: release_readable
-- What was in doubt before it was held is so again.
UPDATE message SET state = CASE WHEN doubts > 0 THEN 'uncertain' ELSE 'queued' END, due_at = :now, rule = '', answer = ''
WHERE +key_id = :key_id AND state = 'held' AND rule = 'spool.key-missing';

-- The clock was set while the relay ran (clock.py).
-- name: move_messages
UPDATE message SET received_at = received_at + :by, due_at = due_at + :by, lease_until = lease_until + :by,
  settled_at = settled_at + :by;

-- name: move_mailboxes
UPDATE mailbox SET tat = tat + :by, blocked_until = blocked_until + :by, paced_at = paced_at + :by;

-- name: move_pauses
UPDATE pause SET since = since + :by, until = until + :by;

-- name: move_slots
UPDATE slot SET lease_until = lease_until + :by WHERE owner <> '';

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
WHERE state = :state AND profile = :profile AND received_at >= :after AND received_at < :before AND warned = 0 AND kind = 'mail'
LIMIT 500;

-- name: mark_warned
UPDATE message SET warned = 1 WHERE id = :id;

-- name: old_waiting
SELECT id, received_at, rule, answer, attempts, device, mailbox FROM message
WHERE state = :state AND profile = :profile AND received_at < :before AND (received_at, id) > (:after, :after_id)
ORDER BY received_at, id LIMIT 500;

-- name: last_judgement
SELECT meaning, remedy FROM attempt WHERE message_id = :id AND rule <> '' ORDER BY n DESC LIMIT 1;

-- name: expire_message
UPDATE message SET state = 'failed', settled_at = :now, rule = :rule, answer = :answer
WHERE id = :id AND state IN ('queued', 'uncertain');

-- name: expire_recipients
UPDATE recipient SET state = 'failed', answer = :answer WHERE message_id = :id AND state = 'pending';

-- name: move_notices
UPDATE notice SET at = at + :by;
