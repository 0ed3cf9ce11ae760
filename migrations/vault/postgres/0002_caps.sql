-- What a key may spend, and how fast.
ALTER TABLE api_keys ADD COLUMN budget_microusd BIGINT CHECK (budget_microusd >= 0);
ALTER TABLE api_keys ADD COLUMN budget_period TEXT CHECK (budget_period IN ('day', 'month', 'total'));
ALTER TABLE api_keys ADD COLUMN rpm BIGINT CHECK (rpm >= 1);
ALTER TABLE api_keys ADD COLUMN tpm BIGINT CHECK (tpm >= 1);
