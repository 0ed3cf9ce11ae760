-- One row for every request that began an attempt. No reference to users: the row outlives the account.
CREATE TABLE ledger (
    id                BLOB    NOT NULL PRIMARY KEY,
    at                INTEGER NOT NULL,
    user_id           TEXT,
    key_id            BLOB,
    provider          TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    upstream_model    TEXT    NOT NULL,
    status            TEXT    NOT NULL CHECK (status IN ('ok', 'error', 'cancelled', 'truncated')),
    http_status       INTEGER,
    prompt_tokens     INTEGER NOT NULL,
    cached_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL,
    cost_microusd     INTEGER NOT NULL,
    ttft_ms           INTEGER,
    duration_ms       INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    request_id        TEXT    NOT NULL,
    estimated         INTEGER NOT NULL CHECK (estimated IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_by_user ON ledger (user_id, at);
CREATE INDEX ledger_by_time ON ledger (at);
