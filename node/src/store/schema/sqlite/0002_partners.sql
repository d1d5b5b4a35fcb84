-- How strangers become partners.

-- Invitations: our own (own = 1), and those of other cities that were accepted here. A nonce is
-- used once. city_id: who answered, or whose it was; empty while used_ms is 0.
CREATE TABLE invite (
    nonce BLOB NOT NULL PRIMARY KEY,
    own BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    used_ms BIGINT NOT NULL,
    city_id TEXT NOT NULL
);

-- Acts on an agreement that one approver has entered and the token of another post has to approve.
-- They never leave the house. act: number of the act. subject: the proposal that was read, or the
-- suspension that ends. agreement: the encoded agreement to be proposed. done_ms: when it was
-- approved, 0 while it waits.
CREATE TABLE agreement_draft (
    draft_id BLOB NOT NULL PRIMARY KEY,
    agreement_id BLOB NOT NULL,
    act BIGINT NOT NULL,
    version BIGINT NOT NULL,
    subject BLOB NOT NULL,
    wind_down_on BIGINT NOT NULL,
    agreement BLOB NOT NULL,
    peer TEXT NOT NULL,
    token TEXT NOT NULL,
    post TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    lapses_ms BIGINT NOT NULL,
    done_ms BIGINT NOT NULL
);

CREATE INDEX agreement_draft_of ON agreement_draft (agreement_id);
