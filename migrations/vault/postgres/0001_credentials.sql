CREATE TABLE passwords (
    user_id    TEXT        NOT NULL PRIMARY KEY,
    hash       TEXT        NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

-- One row a login: its cookie (kept as SHA-256) and its access tokens (by id).
CREATE TABLE sessions (
    id           UUID        NOT NULL PRIMARY KEY,
    user_id      TEXT        NOT NULL,
    token_hash   BYTEA       NOT NULL UNIQUE,
    remember     BOOLEAN     NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    ip           TEXT,
    user_agent   TEXT
);

CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- API keys: looked up by the public part, compared by the hash (SHA-256) of the whole.
CREATE TABLE api_keys (
    id           UUID        NOT NULL PRIMARY KEY,
    user_id      TEXT        NOT NULL,
    lookup       TEXT        NOT NULL UNIQUE,
    hash         BYTEA       NOT NULL,
    last_four    TEXT        NOT NULL,
    name         TEXT        NOT NULL,
    scopes       JSONB       NOT NULL,
    models       JSONB       NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);

CREATE INDEX api_keys_by_user ON api_keys (user_id, id);
