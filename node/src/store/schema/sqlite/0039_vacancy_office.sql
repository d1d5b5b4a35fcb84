-- Which office announced an own vacancy: it alone changes and ends it. '' where no office did: one of
-- another city, or announced before this step.
ALTER TABLE vacancy ADD COLUMN office TEXT NOT NULL DEFAULT '';
