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
