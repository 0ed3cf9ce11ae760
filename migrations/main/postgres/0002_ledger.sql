-- One row for every request that began an attempt. No reference to users: the row outlives the account.
CREATE TABLE ledger (
    id                UUID        NOT NULL PRIMARY KEY,
    at                TIMESTAMPTZ NOT NULL,
    user_id           TEXT,
    key_id            UUID,
    provider          TEXT        NOT NULL,
    model             TEXT        NOT NULL,
    upstream_model    TEXT        NOT NULL,
    status            TEXT        NOT NULL CHECK (status IN ('ok', 'error', 'cancelled', 'truncated')),
    http_status       BIGINT,
    prompt_tokens     BIGINT      NOT NULL,
    cached_tokens     BIGINT      NOT NULL,
    completion_tokens BIGINT      NOT NULL,
    reasoning_tokens  BIGINT      NOT NULL,
    cost_microusd     BIGINT      NOT NULL,
    ttft_ms           BIGINT,
    duration_ms       BIGINT      NOT NULL,
    attempts          BIGINT      NOT NULL,
    request_id        TEXT        NOT NULL,
    estimated         BOOLEAN     NOT NULL
);

CREATE INDEX ledger_by_user ON ledger (user_id, at);
CREATE INDEX ledger_by_time ON ledger (at);
