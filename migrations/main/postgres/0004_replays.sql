-- What was asked for under an Idempotency-Key: first the claim of whoever runs it, then the answer.
-- Answers may hold what was said, so they go with the account.
CREATE TABLE replays (
    user_id         TEXT        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    operation       TEXT        NOT NULL,
    idempotency_key TEXT        NOT NULL,
    fingerprint     BYTEA       NOT NULL,
    claim           UUID        NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    status          BIGINT,
    headers         JSONB,
    body            BYTEA,
    PRIMARY KEY (user_id, operation, idempotency_key),
    CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
);

CREATE INDEX replays_running ON replays (claim) WHERE status IS NULL;
CREATE INDEX replays_by_end ON replays (expires_at);
