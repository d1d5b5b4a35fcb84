-- Desk acts that wait before they go out, so that they can be undone. Their contents lie encrypted
-- in slot 253 of their leg.
CREATE TABLE pending_act (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    step TEXT NOT NULL,
    office TEXT NOT NULL,
    token TEXT NOT NULL,
    entered_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL
);

-- Acts that waited and were no longer allowed when their time came, until a desk has read it.
CREATE TABLE unsent_act (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    step TEXT NOT NULL,
    failed_ms BIGINT NOT NULL,
    code TEXT NOT NULL,
    say_zh TEXT NOT NULL,
    say_en TEXT NOT NULL
);

-- The first handler of a leg here: who took it up, or to whom it was handed over.
CREATE TABLE leg_handler (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    token TEXT NOT NULL,
    since_ms BIGINT NOT NULL
);

-- The order of the queue, kept beside the messages it is derived from. sort_on: the due date, or a
-- number beyond all dates. turn: 0 nobody's, 1 ours, 2 theirs.
CREATE TABLE leg_due (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    sort_on BIGINT NOT NULL,
    turn BIGINT NOT NULL
);
CREATE INDEX leg_due_sort ON leg_due (sort_on);
