-- How often in a row a password was guessed wrong. Beyond a hundred it opens nothing until it is set anew.
ALTER TABLE passwords ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
