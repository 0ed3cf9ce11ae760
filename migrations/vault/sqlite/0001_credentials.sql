CREATE TABLE passwords (
    user_id    TEXT    NOT NULL PRIMARY KEY,
    hash       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a login: its cookie (kept as SHA-256) and its access tokens (by id).
CREATE TABLE sessions (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      TEXT    NOT NULL,
    token_hash   BLOB    NOT NULL UNIQUE,
    remember     INTEGER NOT NULL CHECK (remember IN (0, 1)),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ip           TEXT,
    user_agent   TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- API keys: looked up by the public part, compared by the hash (SHA-256) of the whole.
CREATE TABLE api_keys (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      TEXT    NOT NULL,
    lookup       TEXT    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL,
    last_four    TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    models       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_user ON api_keys (user_id, id);
