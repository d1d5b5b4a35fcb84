-- The office that a superseding leg is addressed to; empty: the first of its kind.
ALTER TABLE superseding ADD COLUMN to_office TEXT NOT NULL DEFAULT '';

-- The worker's own request for a correction; what is right lies encrypted in slot 249. due_on:
-- yyyymmdd, the last day for an answer. done_ms: 0 until it was answered.
CREATE TABLE correction_request (
    leg_id BLOB NOT NULL PRIMARY KEY,
    field BIGINT NOT NULL,
    asked_ms BIGINT NOT NULL,
    due_on BIGINT NOT NULL,
    done_ms BIGINT NOT NULL
);
