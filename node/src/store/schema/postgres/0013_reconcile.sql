-- Whether both cities hold the same, and whether what is stored is still what was signed.

-- What was found when the lanes of an agreement were compared. period: yyyymm, 0 for everything.
-- report: the encoded report; both cities' signed statements are in it.
CREATE TABLE reconciled (
    report_id BYTEA NOT NULL PRIMARY KEY,
    agreement_id BYTEA NOT NULL,
    period BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    agree BIGINT NOT NULL,
    report BYTEA NOT NULL
);
CREATE INDEX reconciled_agreement ON reconciled (agreement_id, made_ms);

-- The other city's signed word how far it has spoken in a leg: the newest that it gave.
CREATE TABLE leg_statement (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    stated_ms BIGINT NOT NULL,
    env_digest BYTEA NOT NULL,
    envelope BYTEA NOT NULL
);
