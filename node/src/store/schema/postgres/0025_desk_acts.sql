-- The office that a superseding leg is addressed to; empty: the first of its kind.
ALTER TABLE superseding ADD COLUMN to_office TEXT NOT NULL DEFAULT '';
