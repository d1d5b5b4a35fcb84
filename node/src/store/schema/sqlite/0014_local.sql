-- Local legs: both offices in this city, no agreement, nothing of it in the exchange log.

-- What the two offices say to each other, stored verbatim. lane: 0 whoever began the leg, 1 whoever
-- examines it. place: the order of both lanes together, from 1.
CREATE TABLE local_envelope (
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    env_digest BLOB NOT NULL,
    envelope BLOB NOT NULL,
    place BIGINT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (lane, lane_seq)
);
CREATE INDEX local_envelope_digest ON local_envelope (env_digest);

-- In a local leg both offices have a desk of their own. desk: 0 whose leg the row is, 1 the other
-- office of a local leg.
CREATE TABLE pending_act_2 (
    leg_id BLOB NOT NULL,
    desk BIGINT NOT NULL,
    step TEXT NOT NULL,
    office TEXT NOT NULL,
    token TEXT NOT NULL,
    entered_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    PRIMARY KEY (leg_id, desk)
);
INSERT INTO pending_act_2 (leg_id, desk, step, office, token, entered_ms, due_ms)
SELECT leg_id, 0, step, office, token, entered_ms, due_ms FROM pending_act;
DROP TABLE pending_act;
ALTER TABLE pending_act_2 RENAME TO pending_act;

CREATE TABLE unsent_act_2 (
    leg_id BLOB NOT NULL,
    desk BIGINT NOT NULL,
    step TEXT NOT NULL,
    failed_ms BIGINT NOT NULL,
    code TEXT NOT NULL,
    say_zh TEXT NOT NULL,
    say_en TEXT NOT NULL,
    PRIMARY KEY (leg_id, desk)
);
INSERT INTO unsent_act_2 (leg_id, desk, step, failed_ms, code, say_zh, say_en)
SELECT leg_id, 0, step, failed_ms, code, say_zh, say_en FROM unsent_act;
DROP TABLE unsent_act;
ALTER TABLE unsent_act_2 RENAME TO unsent_act;

CREATE TABLE leg_handler_2 (
    leg_id BLOB NOT NULL,
    desk BIGINT NOT NULL,
    token TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (leg_id, desk)
);
INSERT INTO leg_handler_2 (leg_id, desk, token, since_ms)
SELECT leg_id, 0, token, since_ms FROM leg_handler;
DROP TABLE leg_handler;
ALTER TABLE leg_handler_2 RENAME TO leg_handler;
