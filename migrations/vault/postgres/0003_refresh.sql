-- Which of a login's refresh tokens is the next one, since when, and until when it can be used.
ALTER TABLE sessions ADD COLUMN refresh_counter BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refreshed_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch';
ALTER TABLE sessions ADD COLUMN refresh_until TIMESTAMPTZ NOT NULL DEFAULT 'epoch';
