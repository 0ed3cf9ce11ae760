-- Which standing of its user a login belongs to: after another role, status or password set by somebody
-- else it opens nothing. Null: a login that began before this was kept.
ALTER TABLE sessions ADD COLUMN token_version INTEGER;
