-- What is written together goes into one statement: each statement costs the writing thread a fight for the interpreter
-- with the event loop. These views belong to the writing connection (TEMP); they are written to and never read.

-- A message comes in, with its body and the first of its recipients.
CREATE TEMP VIEW accepted AS SELECT m.*, b.head, b.content, b.came, b.added, r.address FROM message m, body b, recipient r;
CREATE TEMP TRIGGER accept INSTEAD OF INSERT ON accepted
BEGIN
  INSERT INTO message (id, device, profile, mailbox, sender, client, state, due_at, received_at, size, body_size, eight_bit,
    body_file, precedence, kind, author, transcript, key_id, recipients, arrival, subject_hash)
  VALUES (new.id, new.device, new.profile, new.mailbox, new.sender, new.client, 'queued', new.due_at, new.due_at, new.size,
    new.body_size, new.eight_bit, new.body_file, new.precedence, new.kind, new.author, new.transcript, new.key_id,
    new.recipients, new.arrival, new.subject_hash);
  INSERT INTO body (message_id, head, content, came, added) VALUES (new.id, new.head, new.content, new.came, new.added);
  INSERT INTO recipient (message_id, n, address) VALUES (new.id, 0, new.address);
END;

-- A message is claimed: its lease, the attempt, the turn of its device, the day of its mailbox.
CREATE TEMP VIEW lease (id, n, now, lease_until, due_at, recipients, mailbox, device, turn, bucket)
AS SELECT 0, 0, 0, 0, 0, 0, 0, 0, 0, 0;
CREATE TEMP TRIGGER lease INSTEAD OF INSERT ON lease
BEGIN
  UPDATE message SET state = 'leased', fence = fence + 1, attempts = new.n, lease_until = new.lease_until, due_at = new.due_at
  WHERE id = new.id;
  INSERT INTO attempt (message_id, n, started_at, recipients) VALUES (new.id, new.n, new.now, new.recipients);
  INSERT INTO turn (mailbox, device, served) VALUES (new.mailbox, new.device, new.turn)
  ON CONFLICT DO UPDATE SET served = excluded.served;
  INSERT INTO spent (mailbox, bucket, recipients) VALUES (new.mailbox, new.bucket, new.recipients)
  ON CONFLICT DO UPDATE SET recipients = recipients + excluded.recipients;
END;

-- A message has arrived at all its recipients, by its first attempt.
CREATE TEMP VIEW arrival (id, fence, n, now, due_at, outcome, host, stage, rule, answer, meaning, remedy, transcript, said)
AS SELECT 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0;
CREATE TEMP TRIGGER arrive INSTEAD OF INSERT ON arrival
BEGIN
  SELECT RAISE(IGNORE)
  WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = new.id AND fence = new.fence AND state = 'leased');
  UPDATE message SET state = 'delivered', due_at = new.due_at, lease_until = 0, settled_at = new.now, rule = new.rule,
    answer = new.answer
  WHERE id = new.id;
  UPDATE attempt SET ended_at = new.now, outcome = new.outcome, host = new.host, stage = new.stage, rule = new.rule,
    answer = new.answer, meaning = new.meaning, remedy = new.remedy, transcript = new.transcript
  WHERE message_id = new.id AND n = new.n;
  UPDATE recipient SET state = 'delivered', answer = new.said WHERE message_id = new.id AND state = 'pending';
  DELETE FROM body WHERE message_id = new.id;
END;
