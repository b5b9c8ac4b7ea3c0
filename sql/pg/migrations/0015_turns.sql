-- Settings of queues for the order of their jobs (core/turns.h): by how much waiting betters a priority, and what turns of groups weigh.
ALTER TABLE stint.queue ADD COLUMN age_step_ms bigint NOT NULL DEFAULT -1;
ALTER TABLE stint.queue ADD COLUMN group_weights text COLLATE "C" NOT NULL DEFAULT '';
