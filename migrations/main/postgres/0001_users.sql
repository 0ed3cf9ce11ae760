CREATE TABLE users (
    id             TEXT        NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
    email          TEXT        NOT NULL UNIQUE,
    username       TEXT        UNIQUE,
    name           TEXT,
    role           TEXT        NOT NULL CHECK (role IN ('user', 'admin')),
    status         TEXT        NOT NULL CHECK (status IN ('active', 'inactive', 'pending', 'deleted')),
    email_verified BOOLEAN     NOT NULL,
    token_version  BIGINT      NOT NULL DEFAULT 1,
    created_at     TIMESTAMPTZ NOT NULL,
    updated_at     TIMESTAMPTZ NOT NULL,
    last_seen_at   TIMESTAMPTZ
);
