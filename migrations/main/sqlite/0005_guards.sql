-- Rows that are held by whoever decides what one row alone cannot tell: that an administrator stays.
CREATE TABLE guards (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO guards (name) VALUES ('administrators');
