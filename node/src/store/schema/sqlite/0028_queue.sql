-- Messages to a city that an operator holds back for some hours.
CREATE TABLE queue_hold (
    city_id TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    token TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
