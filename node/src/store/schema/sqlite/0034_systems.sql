-- Which legs changed, in order, for the systems of an office: a leg's latest change alone.
CREATE TABLE leg_change (
    leg_id BLOB NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    standing TEXT NOT NULL
);
CREATE UNIQUE INDEX leg_change_seq ON leg_change (seq);
