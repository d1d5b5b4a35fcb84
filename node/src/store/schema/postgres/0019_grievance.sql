-- Grievances (V9). Nothing here says from whom one is: no case, no leg, no person, no token, no time
-- of day, and every sealed text has one size. Days are yyyymmdd.

-- Public keys of the bodies. placed: 1, 2, ...; workers seal to the newest.
CREATE TABLE grievance_key (
    office TEXT NOT NULL,
    placed BIGINT NOT NULL,
    public_key BYTEA NOT NULL,
    placed_on BIGINT NOT NULL,
    PRIMARY KEY (office, placed)
);

-- record_id: a digest of a code that only the person has. call_back: 16 bytes, or none for a
-- grievance. stage: 1 waiting, 2 taken, 3 closed.
CREATE TABLE sealed_record (
    record_id BYTEA NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    call_back BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    received_on BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    closed_on BIGINT NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE INDEX sealed_record_office ON sealed_record (office, call_back, received_on);

-- Answers, sealed to the person's code.
CREATE TABLE sealed_answer (
    record_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    answered_on BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (record_id, number)
);

-- What a body counted of what it opened: of a month (yyyymm), or of a call-back. Nothing under five.
CREATE TABLE body_report (
    office TEXT NOT NULL,
    month BIGINT NOT NULL,
    call_back BYTEA NOT NULL,
    late BIGINT NOT NULL,
    reported_on BIGINT NOT NULL,
    PRIMARY KEY (office, month, call_back)
);
CREATE TABLE body_figure (
    office TEXT NOT NULL,
    month BIGINT NOT NULL,
    call_back BYTEA NOT NULL,
    kind BIGINT NOT NULL,
    count BIGINT NOT NULL,
    or_more BIGINT NOT NULL,
    PRIMARY KEY (office, month, call_back, kind)
);

-- Employers found by the labour inspection to owe wages. lifted_on: 0 while it is in force.
CREATE TABLE wage_finding (
    number BIGINT NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    employer TEXT NOT NULL,
    reference TEXT NOT NULL,
    found_on BIGINT NOT NULL,
    lifted_on BIGINT NOT NULL
);
CREATE INDEX wage_finding_employer ON wage_finding (employer, lifted_on);
