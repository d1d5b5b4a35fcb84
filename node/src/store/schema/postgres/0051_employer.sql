-- Who employs somebody released to a job, and on which days the employer says that work began and
-- ended (yyyymmdd, 0: not said). Goes when the leg closes or the terms name another employer.
CREATE TABLE leg_employer (
    leg_id BYTEA NOT NULL PRIMARY KEY,
    employer TEXT NOT NULL,
    reference TEXT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL
);
CREATE INDEX leg_employer_employer ON leg_employer (employer, reference);

-- Posts that an employer asked an office to announce. answer: 0 waits, 1 announced, 2 declined.
CREATE TABLE post_proposal (
    employer TEXT NOT NULL,
    reference TEXT NOT NULL,
    office TEXT NOT NULL,
    terms BYTEA NOT NULL,
    posts BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    proposed_ms BIGINT NOT NULL,
    answer BIGINT NOT NULL,
    code BIGINT NOT NULL,
    answered_ms BIGINT NOT NULL,
    PRIMARY KEY (employer, reference)
);
CREATE INDEX post_proposal_office ON post_proposal (office, answer);
