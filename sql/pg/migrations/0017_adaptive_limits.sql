-- Rules whose slots are as many as those behind the key bear (core/limits.h): cut_micro 0 = they are not cut.
ALTER TABLE stint.limit_key ADD COLUMN is_adaptive boolean NOT NULL DEFAULT false;
ALTER TABLE stint.limit_key ADD COLUMN cut_micro bigint NOT NULL DEFAULT 0;
ALTER TABLE stint.limit_key ADD COLUMN cut_at bigint NOT NULL DEFAULT 0;

-- Jobs that have completed since, of keys that are cut. They end without a lock on the key: whoever locks it next takes these rows
-- and mends it.
CREATE TABLE stint.limit_mend (
  tenant int NOT NULL,
  n bigint NOT NULL,
  key text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX limit_mend_key ON stint.limit_mend (tenant, key);
