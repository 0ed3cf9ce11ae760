-- Mail and text messages that wait to be sent. A body holds a link or a code, so it is sealed
-- (AES-256-GCM), and the row goes as soon as it is sent, or when what it says is over.
CREATE TABLE messages (
    id         BLOB    NOT NULL PRIMARY KEY,
    channel    TEXT    NOT NULL CHECK (channel IN ('mail', 'sms')),
    user_id    TEXT,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    tries      INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_by_due ON messages (channel, due_at);
CREATE INDEX messages_by_user ON messages (user_id);
