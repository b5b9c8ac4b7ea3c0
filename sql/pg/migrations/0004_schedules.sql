-- Schedules. definition: JSON as it came, read by those who know what it means. next_at: the first tick that is not decided, 0 = none.
-- due_at: when a tick of the store gives it out; 0 = never, because it is paused or over.
CREATE TABLE stint.schedule (
  tenant int NOT NULL,
  is_paused boolean NOT NULL,
  version bigint NOT NULL,
  next_at bigint NOT NULL,
  due_at bigint NOT NULL,
  last_tick bigint NOT NULL,
  last_job uuid,
  fired bigint NOT NULL,
  dropped bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  definition text NOT NULL,
  PRIMARY KEY (tenant, name)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX schedule_due ON stint.schedule (due_at) WHERE due_at > 0;
