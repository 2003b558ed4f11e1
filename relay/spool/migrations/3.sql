-- From 2 to 3: messages are found by their subject, and the head is shown as the device sent it.

ALTER TABLE message ADD COLUMN subject_hash TEXT NOT NULL DEFAULT '';
DROP INDEX message_state;
CREATE INDEX message_state ON message (state, received_at, profile, device, size, body_file, subject_hash);

ALTER TABLE body ADD COLUMN came BLOB;
ALTER TABLE body ADD COLUMN added INTEGER NOT NULL DEFAULT -1;
