-- Who stands in for whom, by tokens of one office. from_on, to_on: yyyymmdd, first and last day.
-- ended_ms: 0, or ended before its day.
CREATE TABLE stand_in (
    stand_in_id BYTEA NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    absent TEXT NOT NULL,
    stand_in TEXT NOT NULL,
    from_on BIGINT NOT NULL,
    to_on BIGINT NOT NULL,
    named_by TEXT NOT NULL,
    ended_ms BIGINT NOT NULL
);
CREATE INDEX stand_in_absent ON stand_in (absent);
