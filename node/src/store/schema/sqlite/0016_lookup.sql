-- How many documents a clerk has looked up on a day.
CREATE TABLE document_lookup (
    token TEXT NOT NULL,
    day BIGINT NOT NULL,
    lookups BIGINT NOT NULL,
    PRIMARY KEY (token, day)
);
