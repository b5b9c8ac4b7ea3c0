-- Jobs that are blocked until others have ended (depends_on): that round of their life, or a later one. A link goes when its job has been told, or is not blocked any more.
CREATE TABLE link (
  job INTEGER NOT NULL,
  on_job INTEGER NOT NULL,
  on_random INTEGER NOT NULL,
  round INTEGER NOT NULL,
  PRIMARY KEY (job, on_job)
) WITHOUT ROWID;

CREATE INDEX link_on ON link (on_job, round, job);
