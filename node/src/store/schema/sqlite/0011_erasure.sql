-- Erasure. Keys of sections leave this database for the key ring, a database of its own that is in
-- no backup of this one. key_id: the 12 bytes that a key's wrapped form begins with, which name it
-- in the ring. What the ring has not taken over yet waits in section_key_before until the next start.
ALTER TABLE section_data RENAME TO section_data_before;
CREATE TABLE section_data (
    leg_id BLOB NOT NULL,
    slot BIGINT NOT NULL,
    msg_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    nonce BLOB NOT NULL,
    ciphertext BLOB NOT NULL,
    PRIMARY KEY (leg_id, slot, msg_id)
);
CREATE INDEX section_data_key ON section_data (key_id);
INSERT INTO section_data (leg_id, slot, msg_id, key_id, nonce, ciphertext)
SELECT d.leg_id, d.slot, d.msg_id, substr(k.wrapped, 1, 12), d.nonce, d.ciphertext
FROM section_data_before d JOIN section_key k ON k.leg_id = d.leg_id AND k.slot = d.slot;
DROP TABLE section_data_before;
CREATE TABLE section_key_before (
    key_id BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);
INSERT INTO section_key_before (key_id, sealed)
SELECT substr(wrapped, 1, 12), substr(wrapped, 13, 48) FROM section_key;
DROP TABLE section_key;

-- What was erased here, one row a tombstone of the local log. scope: see the erasure ledger.
-- reason: number of the reason. section_digests: 32 bytes each, those of signed messages.
CREATE TABLE tombstone (
    leg_id BLOB NOT NULL,
    log_epoch BIGINT NOT NULL,
    log_idx BIGINT NOT NULL,
    erased_ms BIGINT NOT NULL,
    scope TEXT NOT NULL,
    reason BIGINT NOT NULL,
    section_digests BLOB NOT NULL,
    PRIMARY KEY (leg_id, log_epoch, log_idx)
);

-- Since when a leg is closed and settled in its stage: what retention counts from.
CREATE TABLE leg_closing (
    leg_id BLOB NOT NULL PRIMARY KEY,
    stage BIGINT NOT NULL,
    settled_ms BIGINT NOT NULL,
    erase_ms BIGINT NOT NULL
);
-- Legs from before this step are looked at once, at the next start.
INSERT INTO timer (timer_id, due_ms, kind, subject)
SELECT leg_id, 0, 'retention', leg_id FROM leg WHERE local_state > 1;

-- Legal holds. approved_ms: 0 while the second approver is waited for. until_ms: the first instant
-- at which it is over.
CREATE TABLE legal_hold (
    hold_id BLOB NOT NULL PRIMARY KEY,
    leg_id BLOB NOT NULL,
    reason TEXT NOT NULL,
    until_on BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    token TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    approver TEXT NOT NULL,
    approved_ms BIGINT NOT NULL
);
CREATE INDEX legal_hold_leg ON legal_hold (leg_id, until_ms);

-- Persons who asked what is held about them to be erased: answered within 15 working days.
-- done_ms: 0 while something is still held.
CREATE TABLE erase_request (
    leg_id BLOB NOT NULL PRIMARY KEY,
    asked_ms BIGINT NOT NULL,
    due_on BIGINT NOT NULL,
    done_ms BIGINT NOT NULL
);
