-- Limits and fair turns (docs/limits.md). A job that names a group or limit keys stands in a lane: all jobs of its tenant, queue, kind,
-- group and keys. Claims look at lanes from their heads, and at no lane whose keys forbid it now; jobs without a lane are found as before.

-- A number for (kind, group, keys), NULL: none. No table of lanes: an application's open transaction would hold the rows that it makes
-- there. Two lanes with one number only share a stretch of the index.
CREATE FUNCTION stint.lane(kind text, fair_group text, limit_keys text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN fair_group IS NOT NULL OR limit_keys IS NOT NULL THEN ('x' || encode(substr(sha256(convert_to(
    concat(kind, E'\n', fair_group, E'\n', limit_keys), 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint END
$$;

ALTER TABLE stint.job ADD COLUMN lane bigint;

CREATE INDEX job_ready_alone ON stint.job (tenant, queue, kind, priority, run_at, id) WHERE state = 2 AND lane IS NULL;
DROP INDEX stint.job_ready;
ALTER INDEX stint.job_ready_alone RENAME TO job_ready;
CREATE INDEX job_lane ON stint.job (tenant, queue, lane, priority, run_at, id) WHERE state = 2 AND lane IS NOT NULL;

-- The rule of a key (is_set; 0 = no bound of that sort) and its state (core/limits.h). tenant 0: of the server. A key that ends in *
-- is the rule of those that begin so and have none of their own. Nodes make a row for each key before they hand out a job of it: who
-- hands out, takes tokens, or changes the key has locked its row first, and before any job.
CREATE TABLE stint.limit_key (
  tenant int NOT NULL,
  is_set boolean NOT NULL,
  concurrency bigint NOT NULL,
  rate bigint NOT NULL,
  period_ms bigint NOT NULL,
  burst bigint NOT NULL,
  full_at_us bigint NOT NULL,
  paused_until bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX limit_key_pattern ON stint.limit_key (tenant, key) WHERE is_set AND right(key, 1) = '*';
CREATE INDEX limit_key_shown ON stint.limit_key (tenant, key) WHERE is_set OR paused_until > 0;

-- What live leases use of a key: written by the transaction that gives the lease, gone with the one that ends it.
CREATE TABLE stint.slot (
  job uuid NOT NULL,
  weight bigint NOT NULL,
  tenant int NOT NULL,
  key text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, key, job)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX slot_job ON stint.slot (job);

-- As before, of jobs without a lane.
CREATE OR REPLACE FUNCTION stint.ready_queues(of_tenant int) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  WITH RECURSIVE q (name) AS (
    (SELECT queue FROM stint.job WHERE tenant = of_tenant AND state = 2 AND lane IS NULL ORDER BY tenant, queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM stint.job WHERE tenant = of_tenant AND state = 2 AND lane IS NULL AND queue > q.name
      ORDER BY tenant, queue LIMIT 1)
    FROM q WHERE q.name IS NOT NULL)
  SELECT name FROM q WHERE name IS NOT NULL $$;

CREATE OR REPLACE FUNCTION stint.ready_kinds(of_tenant int, of_queue text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  WITH RECURSIVE k (name) AS (
    (SELECT kind FROM stint.job WHERE tenant = of_tenant AND queue = of_queue COLLATE "C" AND state = 2 AND lane IS NULL
     ORDER BY tenant, queue, kind LIMIT 1)
    UNION ALL
    SELECT (SELECT kind FROM stint.job WHERE tenant = of_tenant AND queue = of_queue COLLATE "C" AND state = 2 AND lane IS NULL
      AND kind > k.name ORDER BY tenant, queue, kind LIMIT 1)
    FROM k WHERE k.name IS NOT NULL)
  SELECT name FROM k WHERE name IS NOT NULL $$;

-- For applications: `group` and `limits`, with the checks of core/limits.c, and the limits as limits_write writes them.
CREATE FUNCTION stint.read_limits(options json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  limits json := options -> 'limits';
  item json;
  key text;
  weight bigint;
  keys text[] := '{}';
  weights bigint[] := '{}';
BEGIN
  IF limits IS NULL THEN
    RETURN NULL;
  END IF;
  IF json_typeof(limits) <> 'array' OR json_array_length(limits) > 8 THEN
    PERFORM stint.refuse('limits', 'must be an array of at most 8 keys, or objects of key and weight');
  END IF;
  FOR item IN SELECT * FROM json_array_elements(limits) LOOP
    weight := 1;
    IF json_typeof(item) = 'object' THEN
      IF EXISTS (SELECT FROM json_object_keys(item) AS k WHERE k NOT IN ('key', 'weight')) THEN
        PERFORM stint.refuse('limits', 'must hold keys, or objects of key and weight');
      END IF;
      IF item -> 'weight' IS NOT NULL THEN
        weight := CASE WHEN json_typeof(item -> 'weight') = 'number' AND item ->> 'weight' ~ '^[1-9][0-9]{0,6}$'
          THEN (item ->> 'weight')::bigint ELSE 0 END;
      END IF;
      item := item -> 'key';
    END IF;
    key := CASE WHEN json_typeof(item) = 'string' THEN item #>> '{}' ELSE '' END;
    IF key IS NULL OR octet_length(key) NOT BETWEEN 1 AND 200 OR right(key, 1) = '*' OR key ~ '[\x01-\x1f\x7f]' THEN
      PERFORM stint.refuse('limits', 'needs keys of 1 to 200 bytes of text that does not end in *');
    END IF;
    IF weight NOT BETWEEN 1 AND 1000000 THEN
      PERFORM stint.refuse('limits', 'needs weights from 1 to 1000000');
    END IF;
    IF key = ANY (keys) THEN
      PERFORM stint.refuse('limits', 'names a key twice');
    END IF;
    keys := keys || key;
    weights := weights || weight;
  END LOOP;
  RETURN (SELECT '[' || string_agg(CASE WHEN u.weight = 1 THEN to_json(u.key)::text
      ELSE '{"key":' || to_json(u.key) || ',"weight":' || u.weight || '}' END, ',' ORDER BY u.key COLLATE "C") || ']'
    FROM unnest(keys, weights) AS u (key, weight));
END $$;

CREATE OR REPLACE FUNCTION stint.check_members(options json, place text, known text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  member text;
BEGIN
  IF json_typeof(options) <> 'object' THEN
    PERFORM stint.refuse(place, 'must be an object');
  END IF;
  SELECT k INTO member FROM json_object_keys(options) AS k WHERE k <> ALL (known) LIMIT 1;
  IF member IS NOT NULL THEN
    PERFORM stint.refuse(member, CASE
      WHEN place = 'retry' THEN 'is not a member of retry'
      WHEN member IN ('queue', 'kind', 'args') THEN 'is an argument of its own, not one of the options'
      WHEN member = 'on_duplicate' THEN 'is not for a transaction of your own'
      WHEN member IN ('batch', 'secrets', 'ref', 'depends_on', 'on_parent_failure') THEN 'is not supported here'
      ELSE format('is not a member of %s', place) END);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION stint.add_job(of_tenant int, queue text, kind text, args text, options json, number int, at bigint,
  INOUT room jsonb, OUT id uuid, OUT state smallint, OUT is_duplicate boolean) LANGUAGE plpgsql AS $$
DECLARE
  settings stint.queue;
  unique_key text := stint.read_text(options, 'unique_key');
  unique_for bigint;
  run_at bigint := stint.read_time(options, 'run_at');
  delay_ms bigint := stint.read_seconds(options, 'delay_s', 0, 315360000000);
  deadline_ms bigint := stint.read_seconds(options, 'deadline_s', 1, 31536000000);
  deadline_at bigint;
  timeout_ms bigint := stint.read_seconds(options, 'timeout_s', 1, 604800000);
  lost_max bigint := stint.read_number(options, 'lost_max', 1, 1000);
  priority bigint := stint.read_number(options, 'priority', -32768, 32767);
  on_lost text := coalesce(stint.read_text(options, 'on_lost'), 'retry');
  on_cancel text := coalesce(stint.read_text(options, 'on_cancel'), 'stop');
  tags text := stint.read_tags(options);
  fair_group text := stint.read_text(options, 'group');
  limit_keys text := stint.read_limits(options);
  retry text;
  holder uuid;
  places bigint;
BEGIN
  PERFORM stint.check_name('queue', queue);
  PERFORM stint.check_name('kind', kind);
  IF octet_length(args) > 1048576 THEN
    PERFORM stint.refuse('args', format('are %s bytes; at most 1048576 are allowed', octet_length(args)));
  END IF;
  IF on_lost NOT IN ('retry', 'fail') THEN
    PERFORM stint.refuse('on_lost', 'must be retry or fail');
  END IF;
  IF on_cancel NOT IN ('stop', 'run') THEN
    PERFORM stint.refuse('on_cancel', 'must be stop or run');
  END IF;
  IF octet_length(unique_key) NOT BETWEEN 1 AND 256 THEN
    PERFORM stint.refuse('unique_key', 'must be 1 to 256 bytes');
  END IF;
  IF octet_length(fair_group) NOT BETWEEN 1 AND 256 THEN
    PERFORM stint.refuse('group', 'must be 1 to 256 bytes');
  END IF;
  IF options -> 'unique_for_s' IS NOT NULL THEN
    IF unique_key IS NULL THEN
      PERFORM stint.refuse('unique_for_s', 'needs a unique_key');
    END IF;
    unique_for := CASE WHEN options ->> 'unique_for_s' = 'forever' THEN 9223372036854775807 - at
      ELSE stint.read_seconds(options, 'unique_for_s', 1, 315360000000) END;
  END IF;
  IF run_at IS NOT NULL AND delay_ms IS NOT NULL THEN
    PERFORM stint.refuse('delay_s', 'and run_at exclude each other');
  END IF;
  run_at := coalesce(nullif(run_at, 0), at + coalesce(delay_ms, 0));
  SELECT * INTO settings FROM stint.queue AS q WHERE q.tenant = of_tenant AND q.name = add_job.queue;
  retry := stint.read_retry(options, CASE WHEN settings.max_attempts > 0 THEN settings.max_attempts ELSE 3 END,
    CASE WHEN settings.retry_base_ms >= 0 THEN settings.retry_base_ms ELSE 60000 END);
  IF settings.max_queued >= 0 THEN
    places := coalesce((room ->> queue)::bigint, stint.room_in(of_tenant, settings));
    IF places <= 0 THEN
      RAISE EXCEPTION 'stint: the queue "%" is full', queue USING ERRCODE = 'configuration_limit_exceeded', DETAIL = '/queue';
    END IF;
    room := room || jsonb_build_object(queue, places - 1);
  END IF;
  id := stint.make_id((at << 21) + number);
  state := CASE WHEN run_at > at THEN 1 ELSE 2 END;
  IF unique_key IS NOT NULL THEN
    holder := stint.take_key(of_tenant, unique_key, id, coalesce(at + unique_for, 0), at);
  END IF;
  is_duplicate := holder IS NOT NULL;
  IF is_duplicate THEN
    id := holder;
    state := coalesce((SELECT j.state FROM stint.job AS j WHERE j.id = holder),
      (SELECT h.state FROM stint.history AS h WHERE h.id = holder LIMIT 1));
    RETURN;
  END IF;
  deadline_at := at + deadline_ms;
  INSERT INTO stint.job (id, tenant, queue, kind, state, priority, run_at, due_at, flags, timeout_ms, deadline_at, lost_max,
    retry, unique_key, tags, fair_group, limit_keys, lane, args)
  VALUES (add_job.id, of_tenant, add_job.queue, add_job.kind, add_job.state,
    coalesce(nullif(priority, 0), nullif(settings.priority, -1), 0), run_at,
    least(deadline_at, CASE WHEN add_job.state = 1 THEN run_at END),
    CASE WHEN on_lost = 'fail' THEN 512 ELSE 0 END | CASE WHEN on_cancel = 'run' THEN 16384 ELSE 0 END
      | CASE WHEN unique_key IS NOT NULL AND unique_for IS NULL THEN 256 ELSE 0 END
      | CASE WHEN fair_group IS NOT NULL OR limit_keys IS NOT NULL THEN 16777216 ELSE 0 END,
    nullif(coalesce(timeout_ms, CASE WHEN settings.timeout_ms > 0 THEN settings.timeout_ms END), 300000), deadline_at,
    nullif(lost_max, 3), retry, unique_key, tags, fair_group, limit_keys, stint.lane(kind, fair_group, limit_keys), args);
END $$;

CREATE OR REPLACE FUNCTION stint.enqueue_many(jobs json) RETURNS TABLE (id uuid, state text, duplicate boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  at bigint := stint.now();
  first_number int := floor(random() * 1000000)::int;
  is_good boolean;
  item record;
  parts record;
  queue text;
  kind text;
  added record;
  room jsonb := '{}';
  queues text[] := '{}';
  kinds text[] := '{}';
  states smallint[] := '{}';
BEGIN
  IF jobs IS NULL OR json_typeof(jobs) <> 'array' OR json_array_length(jobs) > 10000 THEN
    PERFORM stint.refuse('jobs', 'must be an array of at most 10000 jobs');
  END IF;
  -- All at once, as a rule; one by one, to say which it is, or when there is very much of it.
  is_good := octet_length(jobs::text) <= 8388608 AND stint.json_fault(jobs::text, 64) IS NULL;
  FOR item IN SELECT value AS job, ordinality::int AS number FROM json_array_elements(jobs) WITH ORDINALITY LOOP
    IF NOT is_good THEN
      PERFORM stint.refuse_object('jobs', item.job, f.fault) FROM stint.json_fault(item.job::text, 63) AS f (fault)
      WHERE f.fault IS NOT NULL;
    END IF;
    parts := stint.take_apart(item.job);
    PERFORM stint.check_members(parts.options, 'the job', ARRAY['kind', 'queue', 'run_at', 'delay_s', 'unique_for_s',
      'unique_key', 'priority', 'max_attempts', 'retry', 'timeout_s', 'deadline_s', 'tags', 'lost_max', 'on_lost', 'on_cancel',
      'group', 'limits']);
    queue := CASE WHEN parts.options -> 'queue' IS NULL THEN 'default' ELSE stint.read_text(parts.options, 'queue') END;
    kind := stint.read_text(parts.options, 'kind');
    SELECT * INTO added FROM stint.add_job(of_tenant, queue, kind, coalesce(parts.args, 'null'), parts.options,
      first_number + item.number, at, room);
    room := added.room;
    id := added.id;
    state := stint.state_name(added.state);
    duplicate := added.is_duplicate;
    RETURN NEXT;
    IF NOT added.is_duplicate THEN
      queues := queues || queue;
      kinds := kinds || kind;
      states := states || added.state;
    END IF;
  END LOOP;
  PERFORM stint.count_added(of_tenant, queues, kinds, states);
END $$;

CREATE OR REPLACE FUNCTION stint.enqueue(queue text, kind text, args json DEFAULT 'null', options json DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  fault text;
  added record;
BEGIN
  IF octet_length(args::text) <= 1048576 THEN -- the others are refused for it
    fault := stint.json_fault(args::text, 63);
    IF fault IS NOT NULL THEN
      PERFORM stint.refuse('args', fault);
    END IF;
  END IF;
  options := coalesce(options, '{}');
  IF options::text <> '{}' THEN
    PERFORM stint.check_object('the options', options);
    PERFORM stint.check_members(options, 'the options', ARRAY['run_at', 'delay_s', 'unique_for_s', 'unique_key', 'priority',
      'max_attempts', 'retry', 'timeout_s', 'deadline_s', 'tags', 'lost_max', 'on_lost', 'on_cancel', 'group',
      'limits']);
  END IF;
  SELECT * INTO added FROM stint.add_job(of_tenant, queue, kind, coalesce(args::text, 'null'), options,
    floor(random() * 2000000)::int, stint.now(), '{}');
  IF NOT added.is_duplicate THEN
    PERFORM stint.count_added(of_tenant, ARRAY[queue], ARRAY[kind], ARRAY[added.state]);
  END IF;
  RETURN added.id;
END $$;

-- Nodes name lanes too.
CREATE OR REPLACE FUNCTION stint.allow_node(role name) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tables text;
BEGIN
  SELECT string_agg(format('stint.%I', c.relname), ', ') INTO tables FROM pg_class AS c
  WHERE c.relnamespace = 'stint'::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname <> ALL ('{migration,application,node_role}');
  EXECUTE format('GRANT USAGE ON SCHEMA stint TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', tables, role);
  EXECUTE format('GRANT SELECT ON stint.migration TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION stint.now(), stint.check_settings(bigint), stint.check_jobs(bigint, bigint), '
    'stint.lane(text, text, text), stint.ready_queues(int), stint.ready_kinds(int, text), stint.make_partition(bigint), stint.drop_partition(bigint) TO %I', role);
  INSERT INTO stint.node_role (role) VALUES (allow_node.role) ON CONFLICT DO NOTHING;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
