-- Whom the worker has chosen to help with one leg: an office's token. Dismissed or over: no row.
CREATE TABLE leg_helper (
    leg_id BLOB NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    token TEXT NOT NULL,
    chosen_ms BIGINT NOT NULL
);
CREATE INDEX leg_helper_token ON leg_helper (token);
