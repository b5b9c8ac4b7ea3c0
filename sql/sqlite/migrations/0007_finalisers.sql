-- The finalisers of a batch, which run behind each round of its life: their ids, a blank behind each.
ALTER TABLE batch ADD COLUMN finally TEXT;
