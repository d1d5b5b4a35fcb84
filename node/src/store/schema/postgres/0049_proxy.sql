-- Whom a worker named to say yes in the own place, never to a job: keyed tags of both documents.
CREATE TABLE proxy_named (
    worker BYTEA NOT NULL PRIMARY KEY,
    proxy BYTEA NOT NULL,
    until_ms BIGINT NOT NULL
);

-- Who stands in a person's place at a window: a keyed tag of the own document and one of the worker's,
-- kept as long as one stands in for one worker alone.
CREATE TABLE proxy_word (
    question_id BYTEA NOT NULL PRIMARY KEY,
    proxy BYTEA NOT NULL,
    worker BYTEA NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX proxy_word_proxy ON proxy_word (proxy, until_ms);
CREATE INDEX proxy_word_until ON proxy_word (until_ms);

-- At which window the guardian of somebody of 16 or 17 was told of the job, the own document in hand.
CREATE TABLE guardian_told (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    token TEXT NOT NULL,
    told_ms BIGINT NOT NULL
);
