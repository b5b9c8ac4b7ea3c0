-- The finalisers of a batch, which run behind each round of its life: their ids, a blank behind each. They name it in job.batch too,
-- with the flag 268435456, and do not belong to it.
ALTER TABLE stint.batch ADD COLUMN finally text;
