-- Batches. To table job each is a job in a queue without a name, with a flag (store/rules/batch.c); here stands what it was made
-- from. max_jobs: 0 = any number. labels: a JSON object.
CREATE TABLE batch (
  tenant INTEGER NOT NULL,
  job INTEGER NOT NULL,
  random INTEGER NOT NULL,
  max_jobs INTEGER NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  PRIMARY KEY (tenant, job)
) WITHOUT ROWID;

-- The jobs of batches: a flag of the row says whether there is anything to look up here.
CREATE TABLE member (
  job INTEGER PRIMARY KEY,
  batch INTEGER NOT NULL,
  batch_random INTEGER NOT NULL
);

CREATE INDEX member_batch ON member (batch, job);
