-- Whoever comes by a foreign issuer's token has no address to sign in by: `email` may be null.
-- `foreign_email` is what the issuer says, for show; others may have the same.
-- SQLite cannot let go of NOT NULL, so the table is made anew; what refers to it steps aside meanwhile,
-- as it would go with the rows of the old one.
CREATE TABLE users_new (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
    email           TEXT    UNIQUE,
    username        TEXT    UNIQUE,
    name            TEXT,
    role            TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
    status          TEXT    NOT NULL CHECK (status IN ('active', 'inactive', 'pending', 'deleted')),
    email_verified  INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    token_version   INTEGER NOT NULL DEFAULT 1,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_seen_at    INTEGER,
    budget_microusd INTEGER CHECK (budget_microusd >= 0),
    budget_period   TEXT    CHECK (budget_period IN ('day', 'month', 'total')),
    rpm             INTEGER CHECK (rpm >= 1),
    tpm             INTEGER CHECK (tpm >= 1),
    foreign_email   TEXT
) STRICT, WITHOUT ROWID;

INSERT INTO users_new (id, email, username, name, role, status, email_verified, token_version,
                       created_at, updated_at, last_seen_at, budget_microusd, budget_period, rpm, tpm)
SELECT id, email, username, name, role, status, email_verified, token_version,
       created_at, updated_at, last_seen_at, budget_microusd, budget_period, rpm, tpm
FROM users;

CREATE TABLE replays_aside AS SELECT * FROM replays;
DROP TABLE replays;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;

CREATE TABLE replays (
    user_id         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    operation       TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    fingerprint     BLOB    NOT NULL,
    claim           BLOB    NOT NULL,
    expires_at      INTEGER NOT NULL,
    status          INTEGER,
    headers         TEXT,
    body            BLOB,
    PRIMARY KEY (user_id, operation, idempotency_key),
    CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
) STRICT;

INSERT INTO replays (user_id, operation, idempotency_key, fingerprint, claim, expires_at, status,
                     headers, body)
SELECT user_id, operation, idempotency_key, fingerprint, claim, expires_at, status, headers, body
FROM replays_aside;

DROP TABLE replays_aside;
CREATE INDEX replays_running ON replays (claim) WHERE status IS NULL;
CREATE INDEX replays_by_end ON replays (expires_at);

-- Who a user is to a foreign issuer.
CREATE TABLE identities (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    user_id    TEXT    NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

-- Identities (as SHA-256) whose accounts were deleted: tokens of before make no new account.
CREATE TABLE departed (
    identity BLOB    NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX departed_by_time ON departed (at);
