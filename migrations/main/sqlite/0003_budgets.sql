-- What a user may spend, and how fast, where it is not what is configured for everybody.
ALTER TABLE users ADD COLUMN budget_microusd INTEGER CHECK (budget_microusd >= 0);
ALTER TABLE users ADD COLUMN budget_period TEXT CHECK (budget_period IN ('day', 'month', 'total'));
ALTER TABLE users ADD COLUMN rpm INTEGER CHECK (rpm >= 1);
ALTER TABLE users ADD COLUMN tpm INTEGER CHECK (tpm >= 1);

-- What each holder ('user:…', 'key:…') has spent in a period ('2026-11-21', '2026-11', 'total'), and
-- what processes have leased to spend.
CREATE TABLE budgets (
    holder          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    spent_microusd  INTEGER NOT NULL,
    leased_microusd INTEGER NOT NULL,
    PRIMARY KEY (holder, period)
) STRICT, WITHOUT ROWID;

-- Who has leased it, and until when unless it is renewed.
CREATE TABLE leases (
    process         BLOB    NOT NULL,
    holder          TEXT    NOT NULL,
    period          TEXT    NOT NULL,
    amount_microusd INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    PRIMARY KEY (process, holder, period)
) STRICT, WITHOUT ROWID;

CREATE INDEX leases_by_expiry ON leases (expires_at);
