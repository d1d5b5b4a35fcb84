-- Packs: calendars, code lists, catalogues, languages, each as the envelope that its city signed.
CREATE TABLE pack (
    env_digest BYTEA NOT NULL PRIMARY KEY,
    city_id TEXT NOT NULL,              -- whose message key signed it
    kind BIGINT NOT NULL,               -- PackKind
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,         -- yyyymmdd
    valid_to BIGINT NOT NULL,
    envelope BYTEA NOT NULL,             -- verbatim
    is_fetched BIGINT NOT NULL,         -- from the city that announced it; else imported here
    kept_ms BIGINT NOT NULL,
    UNIQUE (city_id, kind, name, version)
);

-- What the acts PACK of an agreement have announced.
CREATE TABLE pack_said (
    agreement_id BYTEA NOT NULL,
    side BIGINT NOT NULL,               -- party that announced it: 0 A, 1 B
    env_digest BYTEA NOT NULL,
    is_bad BIGINT NOT NULL,             -- what came under this digest is no pack
    PRIMARY KEY (agreement_id, side, env_digest)
);
