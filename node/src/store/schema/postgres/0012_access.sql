-- What a look opened, second pairs of eyes, and what the compliance desk keeps.

-- Which sections a look opened, beside `looked`. section: its number, 0 for what was entered here.
CREATE TABLE looked_section (
    looked_id BYTEA NOT NULL,
    leg_id BYTEA NOT NULL,
    section BIGINT NOT NULL,
    PRIMARY KEY (looked_id, leg_id, section)
);
CREATE INDEX looked_at ON looked (at_ms);

-- What the holder of one token asks for and that of another, of another post, has to approve before
-- it is done, once. shown: the text that both of them were shown; shown_digest: its SHA-256.
-- approved_ms, used_ms: 0 before.
CREATE TABLE seconded (
    request_id BYTEA NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    purpose TEXT NOT NULL,
    shown TEXT NOT NULL,
    shown_digest BYTEA NOT NULL,
    token TEXT NOT NULL,
    office TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    lapses_ms BIGINT NOT NULL,
    approver TEXT NOT NULL,
    approver_post TEXT NOT NULL,
    approved_ms BIGINT NOT NULL,
    used_ms BIGINT NOT NULL
);

-- Samples in the order in which they were drawn: a seed that was tried stays.
CREATE TABLE audit_sample (
    sample_id BYTEA NOT NULL PRIMARY KEY,
    agreement_id BYTEA NOT NULL,
    from_on BIGINT NOT NULL,
    to_on BIGINT NOT NULL,
    seed TEXT NOT NULL,
    size BIGINT NOT NULL,
    population BIGINT NOT NULL,
    token TEXT NOT NULL,
    drawn_ms BIGINT NOT NULL
);

-- Sign-offs of a reviewer, signed with the message key. dsse: DSSE JSON.
CREATE TABLE audit_sign_off (
    sign_off_id BYTEA NOT NULL PRIMARY KEY,
    agreement_id BYTEA NOT NULL,
    token TEXT NOT NULL,
    signed_ms BIGINT NOT NULL,
    dsse TEXT NOT NULL
);
