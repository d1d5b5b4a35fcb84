-- Who may log in, who is logged in, and who did. No person of a case, ever.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,              -- a staff number
    role TEXT NOT NULL,
    token TEXT NOT NULL,                    -- name of its desk token; empty without
    password TEXT NOT NULL,                 -- Argon2id
    one_time INTEGER NOT NULL,              -- to be changed at the next log-in
    totp BLOB,                              -- 20 bytes
    totp_step INTEGER NOT NULL DEFAULT 0,   -- last one used
    wrong INTEGER NOT NULL DEFAULT 0,       -- tries in a row
    locked_until_ms INTEGER NOT NULL DEFAULT 0,
    disabled INTEGER NOT NULL DEFAULT 0,
    made_ms INTEGER NOT NULL
);
CREATE TABLE session (
    digest BLOB PRIMARY KEY,                -- SHA-256 of the cookie
    account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    made_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
);
CREATE INDEX session_account ON session (account);
-- Log-ins, failures, and what administrators did; never changed.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    account TEXT NOT NULL,
    what TEXT NOT NULL,
    by TEXT NOT NULL,                       -- the administrator, or empty
    address TEXT NOT NULL
);
-- What an office calls its columns: headings, never a cell.
CREATE TABLE headings (
    office TEXT PRIMARY KEY,
    mapping TEXT NOT NULL
);
PRAGMA user_version = 1;
