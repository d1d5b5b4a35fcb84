-- A leg that was handed over and not taken over yet: until then its first handler answers for it.
CREATE TABLE leg_hand_over (
    leg_id BLOB NOT NULL,
    desk BIGINT NOT NULL,
    token TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (leg_id, desk)
);
