-- One live token a user that sets another password, kept as SHA-256. A row of nobody stands for an
-- address without an account: both cost the same.
CREATE TABLE resets (
    user_id    TEXT    NOT NULL PRIMARY KEY,
    token_hash BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX resets_by_end ON resets (expires_at);

-- Codes of six digits, kept as an HMAC under a key that is not here. Likewise.
CREATE TABLE codes (
    user_id     TEXT    NOT NULL,
    purpose     TEXT    NOT NULL CHECK (purpose IN ('email', 'new_email', 'phone')),
    destination TEXT    NOT NULL,
    salt        BLOB    NOT NULL,
    mac         BLOB    NOT NULL,
    tries       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, purpose, destination)
) STRICT, WITHOUT ROWID;

CREATE INDEX codes_by_end ON codes (expires_at);

-- How often something was sent to an address or a number, which is kept as an HMAC, and how often a
-- code for it was tried.
CREATE TABLE destinations (
    kind          TEXT    NOT NULL CHECK (kind IN ('reset', 'code', 'try')),
    mac           BLOB    NOT NULL,
    last_at       INTEGER NOT NULL,
    hour_began_at INTEGER NOT NULL,
    in_hour       INTEGER NOT NULL,
    day_began_at  INTEGER NOT NULL,
    in_day        INTEGER NOT NULL,
    PRIMARY KEY (kind, mac)
) STRICT, WITHOUT ROWID;

CREATE INDEX destinations_by_last ON destinations (last_at);
