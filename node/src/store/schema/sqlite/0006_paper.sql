-- Slips and letters on paper.

-- The code of a printed slip: to look and to stop, never to confirm. It is kept as an HMAC; tries
-- are wrong guesses, which lock looking and never stopping. desk: the name of the office that
-- printed it and so knows the code, empty for the person's own. A replaced one only stops.
CREATE TABLE slip (
    slip_id BLOB NOT NULL PRIMARY KEY,
    case_id BLOB NOT NULL,
    code_hmac BLOB NOT NULL,
    tries BIGINT NOT NULL,
    issued_ms BIGINT NOT NULL,
    desk TEXT NOT NULL,
    replaced_ms BIGINT NOT NULL
);
CREATE INDEX slip_case ON slip (case_id);

CREATE TABLE slip_leg (
    slip_id BLOB NOT NULL,
    number BIGINT NOT NULL,
    leg_id BLOB NOT NULL,
    PRIMARY KEY (slip_id, number)
);

-- A letter to a city without a node, from the question to the answer that comes back. What it
-- discloses lies encrypted in the slots of its leg, under the letter's id. 0 and no bytes: not yet.
-- answer: 1 accepted, 2 declined. how: 1 by a code of the tear-off slip, 2 a stamped slip.
CREATE TABLE paper_letter (
    leg_id BLOB NOT NULL PRIMARY KEY,
    letter_id BLOB NOT NULL,
    question_id BLOB NOT NULL,
    to_office TEXT NOT NULL,
    consent_digest BLOB NOT NULL,
    consented_ms BIGINT NOT NULL,
    envelope BLOB NOT NULL,
    accept_hmac BLOB NOT NULL,
    decline_hmac BLOB NOT NULL,
    tries BIGINT NOT NULL,
    written_ms BIGINT NOT NULL,
    answer BIGINT NOT NULL,
    how BIGINT NOT NULL,
    answered_ms BIGINT NOT NULL,
    stopped_ms BIGINT NOT NULL
);
