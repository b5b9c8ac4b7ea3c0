-- Settings of queues for the order of their jobs (core/turns.h): by how much waiting betters a priority, and what turns of groups weigh.
ALTER TABLE queue ADD COLUMN age_step_ms INTEGER NOT NULL DEFAULT -1;
ALTER TABLE queue ADD COLUMN group_weights TEXT NOT NULL DEFAULT '';
