-- What a key may spend, and how fast.
ALTER TABLE api_keys ADD COLUMN budget_microusd INTEGER CHECK (budget_microusd >= 0);
ALTER TABLE api_keys ADD COLUMN budget_period TEXT CHECK (budget_period IN ('day', 'month', 'total'));
ALTER TABLE api_keys ADD COLUMN rpm INTEGER CHECK (rpm >= 1);
ALTER TABLE api_keys ADD COLUMN tpm INTEGER CHECK (tpm >= 1);
