-- One city's house. Integers are BIGINT (times in Unix milliseconds, dates as yyyymmdd), ids and
-- digests bytes; nothing is NULL. The texts of the two engines differ only in the name of the bytes
-- type, which a test checks.

CREATE TABLE city (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    city_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- The unsigned heads of the two logs. Claiming the exchange row is what makes one writer at a time.
-- number: how many batches have claimed the row.
CREATE TABLE log_head (
    log TEXT NOT NULL PRIMARY KEY CHECK (log IN ('exchange', 'local')),
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    batch_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    generation BIGINT NOT NULL
);

-- The latest committed batches, so that a writer whose COMMIT was not answered can still find its
-- own after others have claimed the head. slot: number modulo a fixed length.
CREATE TABLE log_batch (
    slot BIGINT NOT NULL PRIMARY KEY,
    batch_id BYTEA NOT NULL
);

-- Last heads of epochs that were closed.
CREATE TABLE log_epoch (
    log TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    PRIMARY KEY (log, epoch)
);

CREATE TABLE log_leaf (
    log TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    idx BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (log, epoch, idx)
);

-- Full tiles of 256 hashes (C2SP tlog-tiles, height 8), immutable. root: the tile's entry in the
-- tile above, before the hashes so that it is read without them.
CREATE TABLE log_tile (
    log TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    level BIGINT NOT NULL,
    idx BIGINT NOT NULL,
    root BYTEA NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (log, epoch, level, idx)
);

CREATE TABLE peer (
    city_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    root_spki BYTEA NOT NULL,
    end_points TEXT NOT NULL,
    added_ms BIGINT NOT NULL
);

-- Not part of any batch's truth: contact only.
CREATE TABLE peer_contact (
    city_id TEXT NOT NULL PRIMARY KEY,
    last_ms BIGINT NOT NULL,
    trouble TEXT NOT NULL
);

CREATE TABLE manifest (
    city_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    env_digest BYTEA NOT NULL,
    envelope BYTEA NOT NULL,
    PRIMARY KEY (city_id, version)
);

-- The newest accepted heads of peers' exchange logs.
CREATE TABLE peer_head (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (origin, size)
);

CREATE TABLE agreement (
    agreement_id BYTEA NOT NULL PRIMARY KEY,
    peer TEXT NOT NULL,
    live_version BIGINT NOT NULL,
    suspended_by BIGINT NOT NULL,
    suspend_digest BYTEA NOT NULL,
    terminate_digest BYTEA NOT NULL,
    wind_down_on BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL
);

CREATE TABLE agreement_version (
    agreement_id BYTEA NOT NULL,
    version BIGINT NOT NULL,
    env_digest BYTEA NOT NULL,
    envelope BYTEA NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_ms BIGINT NOT NULL,
    countersigned_ms BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, version, env_digest)
);

CREATE TABLE lane (
    agreement_id BYTEA NOT NULL,
    lane BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    last_digest BYTEA NOT NULL,
    last_created_ms BIGINT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, lane)
);

-- Every envelope of a lane, own and received, stored verbatim.
CREATE TABLE envelope (
    agreement_id BYTEA NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    env_digest BYTEA NOT NULL,
    envelope BYTEA NOT NULL,
    leaf_idx BIGINT NOT NULL,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, lane, lane_seq)
);
-- Not unique: a peer may send the same bytes at two places, and each place is refused by itself.
CREATE INDEX envelope_digest ON envelope (env_digest);

-- What this node knows of a message: its place in a leg, and its receipt's word about it.
CREATE TABLE message (
    env_digest BYTEA NOT NULL,
    agreement_id BYTEA NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    msg_id BYTEA NOT NULL,
    leg_id BYTEA NOT NULL,
    leg_seq BIGINT NOT NULL,
    side BIGINT NOT NULL,
    status BIGINT NOT NULL,
    code BIGINT NOT NULL,
    legal BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, lane, lane_seq)
);
CREATE INDEX message_digest ON message (env_digest);
CREATE UNIQUE INDEX message_id ON message (agreement_id, lane, msg_id);
CREATE INDEX message_leg ON message (leg_id, side, leg_seq);

-- Items of receipts, given and got, with their audit path to items_root.
CREATE TABLE receipt_item (
    agreement_id BYTEA NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    receipt_digest BYTEA NOT NULL,
    item BYTEA NOT NULL,
    path BYTEA NOT NULL,
    PRIMARY KEY (agreement_id, lane, lane_seq)
);
CREATE INDEX receipt_item_receipt ON receipt_item (receipt_digest);

-- Inclusion of an own message's leaf in the peer's log, as its receipt proved it.
CREATE TABLE peer_proof (
    env_digest BYTEA NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    head_size BIGINT NOT NULL,
    hashes BYTEA NOT NULL
);

-- Letters that wait for a receipt. tried_ms: when the last attempt was put off; 0 before the first.
CREATE TABLE outbox (
    agreement_id BYTEA NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    peer TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    tried_ms BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (agreement_id, lane, lane_seq)
);
CREATE INDEX outbox_peer ON outbox (peer, agreement_id, lane, lane_seq);

-- Evidence of misbehaviour: other bytes for a taken place, wrong receipts, split views.
CREATE TABLE evidence (
    evidence_id BYTEA NOT NULL PRIMARY KEY,
    found_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    peer TEXT NOT NULL,
    agreement_id BYTEA NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    bytes BYTEA NOT NULL
);

CREATE TABLE case_file (
    case_id BYTEA NOT NULL PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    city TEXT NOT NULL,
    agreement_id BYTEA NOT NULL,
    opened_ms BIGINT NOT NULL
);

CREATE TABLE case_counter (
    year BIGINT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);

-- local: 0 draft, 1 awaiting consent, 2 on the road, 3 dropped before anything left.
CREATE TABLE leg (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    case_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    agreement_id BYTEA NOT NULL,
    service BIGINT NOT NULL,
    our_side BIGINT NOT NULL,
    local_state BIGINT NOT NULL,
    our_office TEXT NOT NULL,
    their_office TEXT NOT NULL,
    reference TEXT NOT NULL,
    UNIQUE (case_id, number)
);

-- Keys of sections, wrapped by the node's key-encryption key and kept apart from the data.
-- slot: section number, 0 the draft, 255 how to reach the person.
CREATE TABLE section_key (
    leg_id BYTEA NOT NULL,
    slot BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (leg_id, slot)
);

CREATE TABLE section_data (
    leg_id BYTEA NOT NULL,
    slot BIGINT NOT NULL,
    msg_id BYTEA NOT NULL,
    nonce BYTEA NOT NULL,
    ciphertext BYTEA NOT NULL,
    PRIMARY KEY (leg_id, slot, msg_id)
);

-- Local blind index, deleted with the section.
CREATE TABLE blind_index (
    tag BYTEA NOT NULL,
    leg_id BYTEA NOT NULL,
    PRIMARY KEY (tag, leg_id)
);

-- The 90-day memory of a refusal: a keyed tag that cannot be listed by person.
CREATE TABLE suppression (
    tag BYTEA NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL
);

CREATE TABLE consent (
    env_digest BYTEA NOT NULL PRIMARY KEY,
    leg_id BYTEA NOT NULL,
    envelope BYTEA NOT NULL,
    ours BIGINT NOT NULL,
    given_ms BIGINT NOT NULL,
    ended_ms BIGINT NOT NULL
);
CREATE INDEX consent_leg ON consent (leg_id);

-- A question to a person. The code is kept as an HMAC.
CREATE TABLE question (
    question_id BYTEA NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    code_hmac BYTEA NOT NULL UNIQUE,
    tries BIGINT NOT NULL,
    text TEXT NOT NULL,
    text_digest BYTEA NOT NULL,
    language TEXT NOT NULL,
    subject BYTEA NOT NULL,
    asked_ms BIGINT NOT NULL,
    opened_ms BIGINT NOT NULL,
    deadline_ms BIGINT NOT NULL,
    answered_ms BIGINT NOT NULL,
    effective_ms BIGINT NOT NULL,
    closed BIGINT NOT NULL
);

CREATE TABLE question_leg (
    question_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    leg_id BYTEA NOT NULL,
    answer BIGINT NOT NULL,
    PRIMARY KEY (question_id, number)
);
CREATE INDEX question_leg_leg ON question_leg (leg_id);

-- Notices waiting for the carrier. Number and text lie encrypted in their leg's slot 255.
CREATE TABLE notice (
    notice_id BYTEA NOT NULL PRIMARY KEY,
    leg_id BYTEA NOT NULL,
    due_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    state BIGINT NOT NULL
);
CREATE INDEX notice_due ON notice (state, due_ms);

CREATE TABLE terms (
    digest BYTEA NOT NULL PRIMARY KEY,
    city TEXT NOT NULL,
    reference TEXT NOT NULL,
    bytes BYTEA NOT NULL
);

CREATE TABLE vacancy (
    city TEXT NOT NULL,
    reference TEXT NOT NULL,
    terms_digest BYTEA NOT NULL,
    posts BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    PRIMARY KEY (city, reference)
);

-- What the node has to do by itself, and when.
CREATE TABLE timer (
    timer_id BYTEA NOT NULL PRIMARY KEY,
    due_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject BYTEA NOT NULL
);
CREATE INDEX timer_due ON timer (due_ms, timer_id);

-- An OUTCOME that waits for the worker's private ballot; its fields lie encrypted in slot 254.
CREATE TABLE held_outcome (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    held_ms BIGINT NOT NULL
);

CREATE TABLE alarm (
    alarm_id BYTEA NOT NULL PRIMARY KEY,
    raised_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    peer TEXT NOT NULL,
    detail TEXT NOT NULL
);
