-- The key ring of one city: what opens sections at rest, apart from them. Never in one backup with
-- the database of the house.

-- epoch: how often something was destroyed here. A backup of the ring opens in its own epoch alone.
CREATE TABLE ring (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    city_id TEXT NOT NULL,
    epoch BIGINT NOT NULL
);

-- Keys, wrapped by the key-encryption key: nonce (12 bytes, the key's name) and the rest (48).
CREATE TABLE section_key (
    key_id BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);

-- The lines of the erasure ledger, so that every replica has those of the others.
CREATE TABLE erasure (
    line_id BLOB NOT NULL PRIMARY KEY,
    line TEXT NOT NULL
);
