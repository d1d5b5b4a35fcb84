-- What self-audits found. report: the encoded report.
CREATE TABLE self_audit (
    begun_ms BIGINT NOT NULL PRIMARY KEY,
    findings BIGINT NOT NULL,
    report BLOB NOT NULL
);
