-- What belongs to a notice beside its row: the question that its code answers and that code as
-- stored (empty where it carries none), when it was first due, when the carrier took it (0 before)
-- and when it reported that the phone has it (0 before).
CREATE TABLE notice_road (
    notice_id BLOB NOT NULL PRIMARY KEY,
    question_id BLOB NOT NULL,
    code_hmac BLOB NOT NULL,
    first_due_ms BIGINT NOT NULL,
    handed_ms BIGINT NOT NULL,
    delivered_ms BIGINT NOT NULL
);
CREATE INDEX notice_road_question ON notice_road (question_id);

-- Who looked at the personal data of a leg. Written before it is shown, for the person to read.
-- office: credit code. system: name of the desk token. what: kind of view.
CREATE TABLE looked (
    looked_id BLOB NOT NULL,
    leg_id BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    office TEXT NOT NULL,
    system TEXT NOT NULL,
    what TEXT NOT NULL,
    purpose TEXT NOT NULL,
    PRIMARY KEY (looked_id, leg_id)
);
CREATE INDEX looked_leg ON looked (leg_id, at_ms);
