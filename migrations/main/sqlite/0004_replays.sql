-- What was asked for under an Idempotency-Key: first the claim of whoever runs it, then the answer.
-- Answers may hold what was said, so they go with the account.
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

CREATE INDEX replays_running ON replays (claim) WHERE status IS NULL;
CREATE INDEX replays_by_end ON replays (expires_at);
