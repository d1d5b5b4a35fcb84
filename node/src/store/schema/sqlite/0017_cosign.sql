-- Heads of peers' logs that this city has cosigned, one root for each size. line: the first
-- cosignature; empty where only the high-water file remembers it.
CREATE TABLE cosigned (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (origin, size)
);

-- Own heads that somebody has cosigned; those of peers are in peer_head.
CREATE TABLE own_head (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (origin, size)
);

-- Verified cosignatures on own heads and on those of peers: the first of each cosigner.
CREATE TABLE cosignature (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    cosigner TEXT NOT NULL,
    unix_s BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (origin, size, cosigner)
);

-- When each city last cosigned each own log, by this city's clock, and up to which size.
CREATE TABLE cosign_last (
    origin TEXT NOT NULL,
    city TEXT NOT NULL,
    size BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (origin, city)
);
