-- Jobs that are blocked until others have ended (depends_on): that round of their life, or a later one. A link goes when its job
-- has been told, or is not blocked any more; only who has locked the job's row takes it away.
CREATE TABLE stint.link (
  job uuid NOT NULL,
  on_job uuid NOT NULL,
  round bigint NOT NULL,
  PRIMARY KEY (job, on_job)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX link_on ON stint.link (on_job, round, job);

-- The round of the job that has ended (what: 3, 4).
ALTER TABLE stint.note ADD COLUMN round bigint NOT NULL DEFAULT 0;
