-- What a user may spend, and how fast, where it is not what is configured for everybody.
ALTER TABLE users ADD COLUMN budget_microusd BIGINT CHECK (budget_microusd >= 0);
ALTER TABLE users ADD COLUMN budget_period TEXT CHECK (budget_period IN ('day', 'month', 'total'));
ALTER TABLE users ADD COLUMN rpm BIGINT CHECK (rpm >= 1);
ALTER TABLE users ADD COLUMN tpm BIGINT CHECK (tpm >= 1);

-- What each holder ('user:…', 'key:…') has spent in a period ('2026-11-21', '2026-11', 'total'), and
-- what processes have leased to spend.
CREATE TABLE budgets (
    holder          TEXT   NOT NULL,
    period          TEXT   NOT NULL,
    spent_microusd  BIGINT NOT NULL,
    leased_microusd BIGINT NOT NULL,
    PRIMARY KEY (holder, period)
);

-- Who has leased it, and until when unless it is renewed.
CREATE TABLE leases (
    process         UUID        NOT NULL,
    holder          TEXT        NOT NULL,
    period          TEXT        NOT NULL,
    amount_microusd BIGINT      NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (process, holder, period)
);

CREATE INDEX leases_by_expiry ON leases (expires_at);
