-- From when a desk stated that insurance cover is given (yyyymmdd, 0 before that), and after how many
-- days without it was warned last. How long there was none stands in the section alone.
CREATE TABLE leg_cover (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    covered_from BIGINT NOT NULL,
    stated_ms BIGINT NOT NULL,
    token TEXT NOT NULL,
    warned BIGINT NOT NULL
);
