-- The worker's own channels: windows, PIN, codes with a life of their own, "not me".

-- Which officer acted for which office, and when last: an officer with a role at the sending
-- office in the last 90 days takes no consent for it. officer: the key of that name at the token,
-- else the token's own name.
CREATE TABLE desk_presence (
    officer TEXT NOT NULL,
    office TEXT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (officer, office)
);

-- Documents held up at a window that were not those of the case, by token and day (yyyymmdd).
CREATE TABLE window_miss (
    token TEXT NOT NULL,
    day BIGINT NOT NULL,
    misses BIGINT NOT NULL,
    PRIMARY KEY (token, day)
);

-- One person at one window. method: how a yes given there is recorded.
CREATE TABLE sitting (
    sitting_id BYTEA NOT NULL PRIMARY KEY,
    case_id BYTEA NOT NULL,
    token TEXT NOT NULL,
    office TEXT NOT NULL,
    deadline_ms BIGINT NOT NULL,
    waived BIGINT NOT NULL,
    closed BIGINT NOT NULL
);
CREATE INDEX sitting_token ON sitting (token, closed);

CREATE TABLE sitting_item (
    sitting_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    question_id BYTEA NOT NULL,
    leg_id BYTEA NOT NULL,
    method BIGINT NOT NULL,
    PRIMARY KEY (sitting_id, number)
);
CREATE INDEX sitting_item_question ON sitting_item (question_id);

-- A PIN, as an HMAC under a salt of its case. confirm_from_ms: after it was replaced.
CREATE TABLE worker_pin (
    case_id BYTEA NOT NULL PRIMARY KEY,
    salt BYTEA NOT NULL,
    hmac BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    confirm_from_ms BIGINT NOT NULL
);

-- Every code that was sent for a question: good for answering until then, for stopping always.
CREATE TABLE question_code (
    code_hmac BYTEA NOT NULL PRIMARY KEY,
    question_id BYTEA NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX question_code_question ON question_code (question_id);
-- What was sent before this step: 72 hours from the asking, or until the deadline before that.
INSERT INTO question_code (code_hmac, question_id, until_ms)
SELECT code_hmac, question_id,
    CASE WHEN deadline_ms < asked_ms + 259200000 THEN deadline_ms ELSE asked_ms + 259200000 END
FROM question WHERE deadline_ms > 0;

-- A keyed tag of a telephone and one of the worker it was given for, deleted with the draft.
CREATE TABLE phone_index (
    tag BYTEA NOT NULL,
    worker BYTEA NOT NULL,
    leg_id BYTEA NOT NULL,
    PRIMARY KEY (tag, leg_id)
);
CREATE INDEX phone_index_leg ON phone_index (leg_id);

-- A leg that takes the place of a stopped one. filed_on: yyyymmdd, that of the first.
CREATE TABLE superseding (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    supersedes BYTEA NOT NULL,
    filed_on BIGINT NOT NULL
);

-- Whom a leg was asked about, as a keyed tag of leg and document that fits no other table: only
-- that person opens again, with a code of the leg, what is not to be asked.
CREATE TABLE asked_about (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    tag BYTEA NOT NULL,
    until_ms BIGINT NOT NULL
);
