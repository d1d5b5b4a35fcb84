-- What makes an agreement worth a look (V17): no person, no case.

-- What either city has raised, one a kind and month, with the other city's answer. answered_ms: when
-- both cities held the answer. refused: the other city did not take it.
CREATE TABLE risk_flag (
    agreement_id BLOB NOT NULL,
    side BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    month BIGINT NOT NULL,
    flag_digest BLOB NOT NULL,
    raised_ms BIGINT NOT NULL,
    answer_by BIGINT NOT NULL,
    answer BIGINT NOT NULL,
    answer_digest BLOB NOT NULL,
    answered_ms BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, side, kind, month)
);
CREATE INDEX risk_flag_digest ON risk_flag (flag_digest);

-- What this city counted by itself.
CREATE TABLE risk_count (
    agreement_id BLOB NOT NULL,
    kind BIGINT NOT NULL,
    month BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    out_of BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, kind, month)
);
CREATE INDEX consent_given ON consent (given_ms);

-- Who entered the result that waits for a ballot: not the one who hands over the keypad.
ALTER TABLE held_outcome ADD COLUMN officer TEXT NOT NULL DEFAULT '';
