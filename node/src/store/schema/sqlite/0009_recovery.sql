-- A log that fell behind what was signed for it: after a restore or a lossy fail-over.

-- One row while this city signs nothing. cause: why. found: what the database held of the two logs.
-- file: the head in the high-water file, size 0 where there was no file. known: the largest head of
-- the exchange log that is known to have been signed, by the file or by a peer.
CREATE TABLE recovery (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    cause TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    found_size BIGINT NOT NULL,
    found_local BIGINT NOT NULL,
    file_size BIGINT NOT NULL,
    file_root BLOB NOT NULL,
    known_size BIGINT NOT NULL,
    known_root BLOB NOT NULL
);

-- Records for the local log, and stops of persons, that came while nothing could be signed. They
-- are logged and sent first. by_desk: through which desk; empty for the person's own.
CREATE TABLE kept_record (
    number BIGINT NOT NULL PRIMARY KEY,
    record BLOB NOT NULL
);
CREATE TABLE kept_stop (
    number BIGINT NOT NULL PRIMARY KEY,
    leg_id BLOB NOT NULL,
    by_desk TEXT NOT NULL
);

-- Recovery and successor statements, own and of peers. size, root: the head that was rebuilt, or the
-- last one of the epoch that ended. next_epoch: 0 for a recovery.
CREATE TABLE log_statement (
    env_digest BLOB NOT NULL PRIMARY KEY,
    city_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    next_epoch BIGINT NOT NULL,
    stated_ms BIGINT NOT NULL,
    envelope BLOB NOT NULL
);
CREATE INDEX log_statement_city ON log_statement (city_id, next_epoch);

-- Own statements that a peer has not accepted yet.
CREATE TABLE statement_owed (
    city_id TEXT NOT NULL,
    env_digest BLOB NOT NULL,
    PRIMARY KEY (city_id, env_digest)
);

-- Peers of which nothing new is taken until they have stated what happened to their log. seen: the
-- head of theirs that is held here. shown: what they showed later.
CREATE TABLE quarantine (
    city_id TEXT NOT NULL PRIMARY KEY,
    since_ms BIGINT NOT NULL,
    cause TEXT NOT NULL,
    seen_size BIGINT NOT NULL,
    shown_size BIGINT NOT NULL
);

-- Messages of peers that were rebuilt without their sections: these may come again.
CREATE TABLE section_gap (
    agreement_id BLOB NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, lane, lane_seq)
);

-- In which epoch of the exchange log an envelope's leaf stands.
ALTER TABLE envelope ADD COLUMN leaf_epoch BIGINT NOT NULL DEFAULT 1;
