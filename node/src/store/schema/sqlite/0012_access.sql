-- The compliance desk: what a look opened, second pairs of eyes, samples, sign-offs, call-backs.

-- Which sections a look opened, beside `looked`. section: its number, 0 for what was entered here.
CREATE TABLE looked_section (
    looked_id BLOB NOT NULL,
    leg_id BLOB NOT NULL,
    section BIGINT NOT NULL,
    PRIMARY KEY (looked_id, leg_id, section)
);
CREATE INDEX looked_at ON looked (at_ms);
