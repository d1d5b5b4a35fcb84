-- What each side of an agreement (0: A, 1: B) has said to hold it up or to end it. Acts of both
-- may cross, and then both take effect. An empty digest: nothing said, or resumed.
CREATE TABLE agreement_side (
    agreement_id BLOB NOT NULL,
    side BIGINT NOT NULL,
    suspend_digest BLOB NOT NULL,
    terminate_digest BLOB NOT NULL,
    wind_down_on BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, side)
);
INSERT INTO agreement_side (agreement_id, side, suspend_digest, terminate_digest, wind_down_on)
SELECT a.agreement_id, e.lane - 4, SUBSTR(suspend_digest, 1, 0), a.terminate_digest, a.wind_down_on
FROM agreement a JOIN envelope e ON e.agreement_id = a.agreement_id
WHERE a.wind_down_on > 0 AND e.lane IN (4, 5) AND e.env_digest = a.terminate_digest;
INSERT INTO agreement_side (agreement_id, side, suspend_digest, terminate_digest, wind_down_on)
SELECT agreement_id, suspended_by - 1, suspend_digest, SUBSTR(suspend_digest, 1, 0), 0 FROM agreement
WHERE suspended_by > 0
ON CONFLICT (agreement_id, side) DO UPDATE SET suspend_digest = excluded.suspend_digest;
ALTER TABLE agreement DROP COLUMN suspended_by;
ALTER TABLE agreement DROP COLUMN suspend_digest;
ALTER TABLE agreement DROP COLUMN terminate_digest;
ALTER TABLE agreement DROP COLUMN wind_down_on;
