-- What an operator's override would do, kept until the holder of another token has approved it: the
-- envelope that the root signed. Empty, or NULL in rows older than this step, where there is none.
ALTER TABLE seconded ADD COLUMN payload BLOB;
