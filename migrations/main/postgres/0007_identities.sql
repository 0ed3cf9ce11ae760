-- Whoever comes by a foreign issuer's token has no address to sign in by: `email` may be null.
-- `foreign_email` is what the issuer says, for show; others may have the same.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TABLE users ADD COLUMN foreign_email TEXT;

-- Who a user is to a foreign issuer.
CREATE TABLE identities (
    issuer     TEXT        NOT NULL,
    subject    TEXT        NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    user_id    TEXT        NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- Identities (as SHA-256) whose accounts were deleted: tokens of before make no new account.
CREATE TABLE departed (
    identity BYTEA       NOT NULL PRIMARY KEY,
    at       TIMESTAMPTZ NOT NULL
);

CREATE INDEX departed_by_time ON departed (at);
