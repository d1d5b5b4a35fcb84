-- The open legs of each agreement, kept beside the messages they are derived from: for ceilings, for
-- the end of an agreement, and for offices that take over from others.
CREATE TABLE leg_open (
    leg_id BLOB NOT NULL PRIMARY KEY,
    agreement_id BLOB NOT NULL,
    service BIGINT NOT NULL,
    case_id BLOB NOT NULL
);
CREATE INDEX leg_open_agreement ON leg_open (agreement_id, service);
INSERT INTO leg_open (leg_id, agreement_id, service, case_id)
    SELECT l.leg_id, l.agreement_id, l.service, l.case_id
    FROM leg l JOIN leg_due d ON d.leg_id = l.leg_id
    WHERE d.sort_on < 99999999 AND l.local_state = 2;
