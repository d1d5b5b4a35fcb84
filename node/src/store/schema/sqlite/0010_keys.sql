-- Which of our own key manifests another city has receipted, or was given before one was sent to it.
-- No row: it was given the newest there is.
CREATE TABLE manifest_held (
    city_id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Own messages and acts that were refused because their key was revoked: they are sent again as new
-- ones. again_seq: 0 still to be sent, -1 not sent because something stands against it by now.
CREATE TABLE say_again (
    agreement_id BLOB NOT NULL,
    lane BIGINT NOT NULL,
    lane_seq BIGINT NOT NULL,
    again_seq BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, lane, lane_seq)
);
