-- What happened to accounts and credentials. No reference to users: the row outlives the account, with
-- its opaque id alone.
CREATE TABLE audit (
    id         BLOB    NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    actor_id   TEXT,
    user_id    TEXT,
    session_id BLOB,
    key_id     BLOB,
    ip         TEXT,
    user_agent TEXT,
    request_id TEXT,
    details    TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_user ON audit (user_id, id);
CREATE INDEX audit_by_actor ON audit (actor_id, id);
CREATE INDEX audit_by_event ON audit (event, id);
