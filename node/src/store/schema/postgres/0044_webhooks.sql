-- Where other systems of an office are told of changes by HTTP, and what became of each telling. Both
-- secrets are wrapped; old_secret is empty unless the secret was changed lately.
CREATE TABLE webhook (
    hook_id BYTEA NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    token TEXT NOT NULL,
    url TEXT NOT NULL,
    secret BYTEA NOT NULL,
    old_secret BYTEA NOT NULL,
    old_until_ms BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    taken_ms BIGINT NOT NULL,
    dead_ms BIGINT NOT NULL
);
CREATE TABLE webhook_delivery (
    delivery_id BYTEA NOT NULL PRIMARY KEY,
    hook_id BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    case_number TEXT NOT NULL,
    leg BIGINT NOT NULL,
    stage TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    state BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    status BIGINT NOT NULL,
    problem TEXT NOT NULL,
    done_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX webhook_delivery_seq ON webhook_delivery (hook_id, seq);
CREATE INDEX webhook_delivery_state ON webhook_delivery (hook_id, state, seq);
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_ms);
-- What one replica alone does for a while: whoever holds the row until its time is over.
CREATE TABLE chore_lease (
    chore TEXT NOT NULL PRIMARY KEY,
    holder BYTEA NOT NULL,
    until_ms BIGINT NOT NULL
);
