-- Hashes of peers' exchange logs as mirrored here (C2SP tlog-tiles, height 8): full tiles of width
-- 256 never change again; the last of each level grows.
CREATE TABLE mirror_tile (
    origin TEXT NOT NULL,
    level BIGINT NOT NULL,
    idx BIGINT NOT NULL,
    width BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (origin, level, idx)
);

-- How far each is mirrored. note: the newest signed head whose hashes are all here.
CREATE TABLE mirror_head (
    origin TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL
);
