-- Capacity: what an office announces, what other cities answered, rules, and what is kept. Places
-- held and used are counted from legs and stored nowhere. Codes are those of the sections that
-- travel with an OFFER; an empty district is the whole city.

-- places: the whole figure since counts_from, 0 where nothing is counted.
CREATE TABLE capacity (
    office TEXT NOT NULL,
    service BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    home_kind BIGINT NOT NULL,
    district TEXT NOT NULL,
    state BIGINT NOT NULL,
    places BIGINT NOT NULL,
    wait_days BIGINT NOT NULL,
    counts_from BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    PRIMARY KEY (office, service, stage, home_kind, district)
);

-- The latest query to a city for a cut, and the latest answer; state 0 before the first.
-- answered: whether that query itself was answered.
CREATE TABLE capacity_asked (
    city TEXT NOT NULL,
    service BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    home_kind BIGINT NOT NULL,
    district TEXT NOT NULL,
    query_digest BLOB NOT NULL,
    asked_ms BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    state BIGINT NOT NULL,
    wait_days BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    PRIMARY KEY (city, service, stage, home_kind, district)
);
CREATE INDEX capacity_asked_query ON capacity_asked (query_digest);

-- removed_ms: 0 while in force; a number is never given twice.
CREATE TABLE accept_rule (
    number BIGINT NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    service BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    home_kind BIGINT NOT NULL,
    district TEXT NOT NULL,
    reference TEXT NOT NULL,
    slot_days BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    removed_ms BIGINT NOT NULL
);

-- An index from a cut to the legs that were offered for it; gone when the person withdraws.
CREATE TABLE leg_cut (
    leg_id BLOB NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    service BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    home_kind BIGINT NOT NULL,
    district TEXT NOT NULL,
    reference TEXT NOT NULL,
    supersedes BLOB NOT NULL
);
CREATE INDEX leg_cut_cut ON leg_cut (service, reference, stage, home_kind);

-- A place kept after a WITHDRAW for a leg that supersedes the one withdrawn (rule V6).
CREATE TABLE kept_place (
    leg_id BLOB NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    service BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    home_kind BIGINT NOT NULL,
    district TEXT NOT NULL,
    reference TEXT NOT NULL,
    until_on BIGINT NOT NULL
);
