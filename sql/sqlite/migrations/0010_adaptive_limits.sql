-- Rules whose slots are as many as those behind the key bear (core/limits.h): cut_micro 0 = they are not cut.
ALTER TABLE limit_key ADD COLUMN is_adaptive INTEGER NOT NULL DEFAULT 0;
ALTER TABLE limit_key ADD COLUMN cut_micro INTEGER NOT NULL DEFAULT 0;
ALTER TABLE limit_key ADD COLUMN cut_at INTEGER NOT NULL DEFAULT 0;
