-- The call-back of a sample. Who was asked stands here, for the sample can be drawn again by anybody;
-- who answered does not.
CREATE TABLE call_back (
    call_back_id BLOB NOT NULL PRIMARY KEY,
    agreement_id BLOB NOT NULL,
    from_on BIGINT NOT NULL,
    to_on BIGINT NOT NULL,
    seed TEXT NOT NULL,
    office TEXT NOT NULL,
    started_on BIGINT NOT NULL,
    until_on BIGINT NOT NULL,
    drawn BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    UNIQUE (agreement_id, from_on, to_on, seed)
);

-- Nobody is called back about one item twice.
CREATE TABLE call_back_leg (
    leg_id BLOB NOT NULL PRIMARY KEY,
    call_back_id BLOB NOT NULL
);

-- One for each notice, without a leg; it goes with the answer. Rows are made in the order of the
-- keyed codes.
CREATE TABLE call_back_ticket (
    code_hmac BLOB NOT NULL PRIMARY KEY,
    call_back_id BLOB NOT NULL
);
