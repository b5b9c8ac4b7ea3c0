-- What an application may call in its own transaction: stint.enqueue, stint.enqueue_many, stint.cancel, stint.job. The jobs
-- are there when that transaction commits, and never if it does not. Options are the members of POST /v1/jobs, with the same
-- checks (core/job.c, wire/spec.c) and the same outcome; test/e2e/pg_application.test.mjs compares the two.
--
-- A call takes no lock that another transaction could wait for, except on a unique key of its own: counts are appended,
-- kinds and queues are text, the settings are only read.

-- The tenant for which a login role may call. Others may not, but the owner of the schema, for the tenant `default`.
CREATE TABLE stint.application (
  role name PRIMARY KEY,
  tenant int NOT NULL
);

-- What an application asked of a job that others work with too. The next round of a node does it, by the rules of the API.
CREATE TABLE stint.wish (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant int NOT NULL,
  job uuid NOT NULL,
  action smallint NOT NULL
);

CREATE FUNCTION stint.allow(role name, tenant_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stint.tenant (name, created_at) VALUES (tenant_name, stint.now()) ON CONFLICT (name) DO NOTHING;
  INSERT INTO stint.application (role, tenant) SELECT allow.role, t.id FROM stint.tenant AS t WHERE t.name = tenant_name
    ON CONFLICT ON CONSTRAINT application_pkey DO UPDATE SET tenant = excluded.tenant;
  EXECUTE format('GRANT USAGE ON SCHEMA stint TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION stint.enqueue(text, text, json, json), stint.enqueue_many(json), '
    'stint.cancel(uuid), stint.job(uuid) TO %I', role);
END $$;

CREATE FUNCTION stint.caller_tenant() RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_tenant int;
BEGIN
  SELECT a.tenant INTO found_tenant FROM stint.application AS a WHERE a.role = session_user;
  IF found_tenant IS NULL AND pg_has_role(session_user, current_user, 'MEMBER') THEN
    SELECT t.id INTO found_tenant FROM stint.tenant AS t WHERE t.name = 'default';
  END IF;
  IF found_tenant IS NULL THEN
    RAISE EXCEPTION 'stint: role "%" belongs to no tenant', session_user USING ERRCODE = 'insufficient_privilege',
      HINT = format('As the owner of the schema: SELECT stint.allow(%L, ''the tenant''s name'')', session_user);
  END IF;
  RETURN found_tenant;
END $$;

CREATE FUNCTION stint.state_name(state smallint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT (ARRAY['blocked', 'scheduled', 'queued', 'processing', 'completed', 'failed', 'cancelled', 'skipped'])[state + 1]
$$;

CREATE FUNCTION stint.refuse(field text, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'stint: % %', field, what USING ERRCODE = 'invalid_parameter_value', DETAIL = format('/%s', field);
END $$;

CREATE FUNCTION stint.check_name(field text, value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF value IS NULL OR value !~ '^[A-Za-z0-9._:-]{1,128}$' OR value IN ('.', '..') THEN
    PERFORM stint.refuse(field, 'must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -');
  END IF;
END $$;

-- A whole number among the options; NULL: not there.
CREATE FUNCTION stint.read_number(options json, field text, lowest bigint, highest bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  value numeric;
BEGIN
  IF options -> field IS NULL THEN
    RETURN NULL;
  END IF;
  IF json_typeof(options -> field) = 'number' THEN
    value := (options ->> field)::numeric;
  END IF;
  IF value IS NULL OR value <> trunc(value) OR value < lowest OR value > highest THEN
    PERFORM stint.refuse(field, format('must be an integer from %s to %s', lowest, highest));
  END IF;
  RETURN value::bigint;
END $$;

-- Seconds among the options, as milliseconds; NULL: not there.
CREATE FUNCTION stint.read_seconds(options json, field text, lowest bigint, highest bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  value numeric;
BEGIN
  IF options -> field IS NULL THEN
    RETURN NULL;
  END IF;
  IF json_typeof(options -> field) = 'number' THEN
    value := (options ->> field)::numeric * 1000;
  END IF;
  IF value IS NULL OR value < lowest OR value > highest THEN
    PERFORM stint.refuse(field, format('must be seconds from %s to %s', trim_scale(lowest / 1000.0),
      trim_scale(highest / 1000.0)));
  END IF;
  RETURN round(value)::bigint;
END $$;

CREATE FUNCTION stint.read_text(options json, field text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF options -> field IS NOT NULL AND json_typeof(options -> field) <> 'string' THEN
    PERFORM stint.refuse(field, 'must be a string');
  END IF;
  RETURN options ->> field;
END $$;

CREATE FUNCTION stint.check_members(options json, place text, known text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  member text;
BEGIN
  IF json_typeof(options) <> 'object' THEN
    PERFORM stint.refuse(place, 'must be an object');
  END IF;
  SELECT k INTO member FROM json_object_keys(options) AS k WHERE k <> ALL (known) LIMIT 1;
  IF member IS NOT NULL THEN
    PERFORM stint.refuse(member, format('is not a member of %s', place));
  END IF;
END $$;

-- The retry policy as the row keeps it (retry_print of core/retry.h); NULL: the default of all.
CREATE FUNCTION stint.read_retry(options json, default_attempts bigint, default_base_ms bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  retry json := coalesce(options -> 'retry', '{}');
  attempts bigint := coalesce(stint.read_number(options, 'max_attempts', 1, 1000), default_attempts);
  kind text;
  base_ms bigint;
  cap_ms bigint;
  letter text := 'e';
  delays text := '';
  delay json;
BEGIN
  PERFORM stint.check_members(retry, 'retry', ARRAY['backoff', 'base_s', 'cap_s', 'jitter', 'delays_s']);
  kind := coalesce(stint.read_text(retry, 'backoff'), 'exponential');
  base_ms := stint.read_seconds(retry, 'base_s', 1, 31536000000);
  cap_ms := stint.read_seconds(retry, 'cap_s', 1, 31536000000);
  IF retry -> 'jitter' IS NOT NULL THEN
    IF json_typeof(retry -> 'jitter') <> 'boolean' THEN
      PERFORM stint.refuse('jitter', 'must be true or false');
    END IF;
    letter := CASE WHEN (retry ->> 'jitter')::boolean THEN 'e' ELSE 'n' END;
  END IF;
  IF kind NOT IN ('exponential', 'fixed', 'list') THEN
    PERFORM stint.refuse('backoff', 'must be exponential, fixed or list');
  END IF;
  IF (kind = 'list') <> (retry -> 'delays_s' IS NOT NULL) THEN
    PERFORM stint.refuse('delays_s', 'and backoff "list" belong together');
  END IF;
  IF kind = 'list' THEN
    IF json_typeof(retry -> 'delays_s') <> 'array' OR json_array_length(retry -> 'delays_s') NOT BETWEEN 1 AND 16 THEN
      PERFORM stint.refuse('delays_s', 'must be an array of 1 to 16 seconds');
    END IF;
    FOR delay IN SELECT * FROM json_array_elements(retry -> 'delays_s') LOOP
      IF json_typeof(delay) <> 'number' OR (delay #>> '{}')::numeric NOT BETWEEN 0 AND 31536000 THEN
        PERFORM stint.refuse('delays_s', 'must hold seconds from 0 to a year');
      END IF;
      delays := delays || ',' || round((delay #>> '{}')::numeric * 1000)::bigint;
    END LOOP;
    RETURN attempts || ',l' || delays;
  END IF;
  IF kind = 'fixed' THEN
    RETURN attempts || ',f,' || coalesce(base_ms, 0);
  END IF;
  IF base_ms IS NULL AND cap_ms IS NULL AND letter = 'e' THEN
    base_ms := default_base_ms;
    cap_ms := greatest(3600000, default_base_ms);
  ELSE
    base_ms := coalesce(base_ms, nullif(default_base_ms, 0), 60000);
    cap_ms := coalesce(cap_ms, greatest(base_ms, 3600000));
  END IF;
  IF attempts = 3 AND letter = 'e' AND base_ms = 60000 AND cap_ms = 3600000 THEN
    RETURN NULL;
  END IF;
  RETURN format('%s,%s,%s,%s', attempts, letter, base_ms, cap_ms);
END $$;

CREATE FUNCTION stint.read_tags(options json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  tags json := options -> 'tags';
  tag json;
BEGIN
  IF tags IS NULL THEN
    RETURN NULL;
  END IF;
  IF json_typeof(tags) <> 'array' OR json_array_length(tags) > 16 THEN
    PERFORM stint.refuse('tags', 'must be an array of at most 16 names');
  END IF;
  FOR tag IN SELECT * FROM json_array_elements(tags) LOOP
    IF json_typeof(tag) <> 'string' THEN
      PERFORM stint.refuse('tags', 'must hold names');
    END IF;
    PERFORM stint.check_name('tags', tag #>> '{}');
  END LOOP;
  RETURN (SELECT '[' || string_agg(to_json(t)::text, ',') || ']' FROM json_array_elements_text(tags) AS t);
END $$;

-- An id as base/id.h makes it, from its ordinal (milliseconds << 21 | sequence).
CREATE FUNCTION stint.make_id(ordinal bigint) RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT (lpad(to_hex(ordinal >> 21), 12, '0') || '7' || lpad(to_hex(ordinal >> 9 & 4095), 3, '0')
    || lpad(to_hex(32768 | ((ordinal & 511) << 5) | (('x' || substr(r, 1, 2))::bit(8)::int & 31)), 4, '0')
    || substr(r, 3, 12))::uuid
  FROM (SELECT replace(gen_random_uuid()::text, '-', '') AS r) AS random
$$;

-- Takes the key for the job until then (0: while it lives); the job that has it, if that is another.
CREATE FUNCTION stint.take_key(of_tenant int, wanted text, for_job uuid, until bigint, at bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  holder stint.unique_key;
BEGIN
  FOR i IN 1 .. 100 LOOP
    INSERT INTO stint.unique_key (tenant, scope, key, job, held_until) VALUES (of_tenant, 0, wanted, for_job, until)
      ON CONFLICT (tenant, scope, key) DO NOTHING;
    IF FOUND THEN
      RETURN NULL;
    END IF;
    SELECT * INTO holder FROM stint.unique_key WHERE tenant = of_tenant AND scope = 0 AND key = wanted;
    CONTINUE WHEN NOT FOUND; -- it was given back meanwhile
    IF holder.held_until = 0 OR holder.held_until > at THEN
      RETURN holder.job;
    END IF;
    UPDATE stint.unique_key SET job = for_job, held_until = until
      WHERE tenant = of_tenant AND scope = 0 AND key = wanted AND job = holder.job AND held_until = holder.held_until;
    IF FOUND THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'stint: the unique key changes hands too often' USING ERRCODE = 'serialization_failure';
END $$;

-- One job. `number` keeps the ids of one call in order. A duplicate has the id of the job that holds the key.
CREATE FUNCTION stint.add_job(of_tenant int, queue text, kind text, args json, options json, number int, at bigint,
  OUT id uuid, OUT state smallint, OUT is_duplicate boolean) LANGUAGE plpgsql AS $$
DECLARE
  settings stint.queue;
  unique_key text := stint.read_text(options, 'unique_key');
  unique_for bigint;
  run_at bigint := at;
  delay_ms bigint := stint.read_seconds(options, 'delay_s', 0, 315360000000);
  deadline_ms bigint := stint.read_seconds(options, 'deadline_s', 1, 31536000000);
  deadline_at bigint;
  timeout_ms bigint := stint.read_seconds(options, 'timeout_s', 1, 604800000);
  lost_max bigint := stint.read_number(options, 'lost_max', 1, 1000);
  priority bigint := stint.read_number(options, 'priority', -32768, 32767);
  on_lost text := coalesce(stint.read_text(options, 'on_lost'), 'retry');
  tags text := stint.read_tags(options);
  retry text;
  holder uuid;
BEGIN
  PERFORM stint.check_members(options, 'the options', ARRAY['kind', 'queue', 'args', 'run_at', 'delay_s', 'unique_for_s',
    'unique_key', 'priority', 'max_attempts', 'retry', 'timeout_s', 'deadline_s', 'tags', 'lost_max', 'on_lost']);
  PERFORM stint.check_name('queue', queue);
  PERFORM stint.check_name('kind', kind);
  IF octet_length(args::text) > 1048576 THEN
    PERFORM stint.refuse('args', format('are %s bytes; at most 1048576 are allowed', octet_length(args::text)));
  END IF;
  IF on_lost NOT IN ('retry', 'fail') THEN
    PERFORM stint.refuse('on_lost', 'must be retry or fail');
  END IF;
  IF octet_length(unique_key) NOT BETWEEN 1 AND 256 THEN
    PERFORM stint.refuse('unique_key', 'must be 1 to 256 bytes');
  END IF;
  IF options -> 'unique_for_s' IS NOT NULL THEN
    IF unique_key IS NULL THEN
      PERFORM stint.refuse('unique_for_s', 'needs a unique_key');
    END IF;
    unique_for := CASE WHEN options ->> 'unique_for_s' = 'forever' THEN 9223372036854775807 - at
      ELSE stint.read_seconds(options, 'unique_for_s', 1, 315360000000) END;
  END IF;
  IF options -> 'run_at' IS NOT NULL THEN
    IF delay_ms IS NOT NULL THEN
      PERFORM stint.refuse('delay_s', 'and run_at exclude each other');
    END IF;
    IF coalesce(stint.read_text(options, 'run_at'), '') !~*
      '^\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)$' THEN
      PERFORM stint.refuse('run_at', 'must be a time as in RFC 3339, with a zone');
    END IF;
    BEGIN
      run_at := (extract(epoch FROM (options ->> 'run_at')::timestamptz) * 1000)::bigint;
    EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
      PERFORM stint.refuse('run_at', 'must be a time as in RFC 3339, with a zone');
    END;
  ELSIF delay_ms IS NOT NULL THEN
    run_at := at + delay_ms;
  END IF;
  SELECT * INTO settings FROM stint.queue AS q WHERE q.tenant = of_tenant AND q.name = add_job.queue;
  retry := stint.read_retry(options, CASE WHEN settings.max_attempts > 0 THEN settings.max_attempts ELSE 3 END,
    CASE WHEN settings.retry_base_ms >= 0 THEN settings.retry_base_ms ELSE 60000 END);
  IF settings.max_queued >= 0 AND settings.max_queued <= (SELECT sum(n) FROM (
      SELECT n FROM stint.count AS c WHERE c.tenant = of_tenant AND c.queue = add_job.queue AND what <= 2
      UNION ALL
      SELECT n FROM stint.count_delta AS d WHERE d.tenant = of_tenant AND d.queue = add_job.queue AND what <= 2) AS c) THEN
    RAISE EXCEPTION 'stint: the queue "%" is full', queue USING ERRCODE = 'configuration_limit_exceeded', DETAIL = '/queue';
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
    retry, unique_key, tags, args)
  VALUES (add_job.id, of_tenant, add_job.queue, add_job.kind, add_job.state,
    coalesce(priority, nullif(settings.priority, -1), 0), run_at,
    least(deadline_at, CASE WHEN add_job.state = 1 THEN run_at END),
    CASE WHEN on_lost = 'fail' THEN 512 ELSE 0 END
      | CASE WHEN unique_key IS NOT NULL AND unique_for IS NULL THEN 256 ELSE 0 END,
    nullif(coalesce(timeout_ms, CASE WHEN settings.timeout_ms > 0 THEN settings.timeout_ms END), 300000), deadline_at,
    nullif(lost_max, 3), retry, unique_key, tags, args::text);
END $$;

-- Counts new jobs, and wakes who waits for them, when the transaction commits: what = 8 is the total of enqueued jobs.
CREATE FUNCTION stint.count_added(of_tenant int, queues text[], kinds text[], states smallint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
  SELECT of_tenant, u.queue, CASE WHEN u.state = 2 THEN u.kind ELSE '' END, u.state, 0, count(*)
  FROM unnest(queues, kinds, states) AS u (queue, kind, state) GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT of_tenant, u.queue, '', 8, 0, count(*) FROM unnest(queues) AS u (queue) GROUP BY 1, 2;
  PERFORM pg_notify('stint', format('queued %s %s %s', of_tenant, u.queue, u.kind))
  FROM (SELECT DISTINCT * FROM unnest(queues, kinds, states) AS u (queue, kind, state)) AS u WHERE u.state = 2;
  IF 1 = ANY (states) THEN
    PERFORM pg_notify('stint', 'due');
  END IF;
END $$;

-- Jobs, all or nothing, in order: [{"kind", "queue", "args", … the options}, …]. A duplicate has the id of the job that
-- holds the unique key.
CREATE FUNCTION stint.enqueue_many(jobs json) RETURNS TABLE (id uuid, state text, duplicate boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  at bigint := stint.now();
  first_number int := floor(random() * 1000000)::int;
  item record;
  added record;
  queues text[] := '{}';
  kinds text[] := '{}';
  states smallint[] := '{}';
BEGIN
  IF jobs IS NULL OR json_typeof(jobs) <> 'array' OR json_array_length(jobs) > 10000 THEN
    PERFORM stint.refuse('jobs', 'must be an array of at most 10000 jobs');
  END IF;
  FOR item IN SELECT value AS job, coalesce(value ->> 'queue', 'default') AS queue, value ->> 'kind' AS kind,
      ordinality::int AS number FROM json_array_elements(jobs) WITH ORDINALITY LOOP
    SELECT * INTO added FROM stint.add_job(of_tenant, item.queue, item.kind, coalesce(item.job -> 'args', 'null'), item.job,
      first_number + item.number, at);
    id := added.id;
    state := stint.state_name(added.state);
    duplicate := added.is_duplicate;
    RETURN NEXT;
    IF NOT added.is_duplicate THEN
      queues := queues || item.queue;
      kinds := kinds || item.kind;
      states := states || added.state;
    END IF;
  END LOOP;
  PERFORM stint.count_added(of_tenant, queues, kinds, states);
END $$;

CREATE FUNCTION stint.enqueue(queue text, kind text, args json DEFAULT 'null', options json DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  added record;
BEGIN
  SELECT * INTO added FROM stint.add_job(of_tenant, queue, kind, coalesce(args, 'null'), coalesce(options, '{}'),
    floor(random() * 2000000)::int, stint.now());
  IF NOT added.is_duplicate THEN
    PERFORM stint.count_added(of_tenant, ARRAY[queue], ARRAY[kind], ARRAY[added.state]);
  END IF;
  RETURN added.id;
END $$;

-- Asks for a cancel, as DELETE /v1/jobs/{id} does, once the transaction has committed: a node does it then. The job's state
-- now; NULL: no such job.
CREATE FUNCTION stint.cancel(job uuid) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  state_now smallint;
BEGIN
  SELECT j.state INTO state_now FROM stint.job AS j WHERE j.id = cancel.job AND j.tenant = of_tenant;
  IF FOUND THEN
    INSERT INTO stint.wish (tenant, job, action) VALUES (of_tenant, cancel.job, 0);
    PERFORM pg_notify('stint', 'wish');
  ELSE
    SELECT h.state INTO state_now FROM stint.history AS h WHERE h.id = cancel.job AND h.tenant = of_tenant LIMIT 1;
  END IF;
  RETURN stint.state_name(state_now);
END $$;

-- A job as GET /v1/jobs/{id} shows the main part of it; no row: no such job.
CREATE FUNCTION stint.job(id uuid) RETURNS TABLE (
  job uuid, queue text, kind text, state text, attempt int, progress numeric, created_at timestamptz, run_at timestamptz,
  started_at timestamptz, finished_at timestamptz, unique_key text, error_code text, error_message text, args json, result json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH caller AS MATERIALIZED (SELECT stint.caller_tenant() AS tenant)
  SELECT found.id, found.queue, found.kind, stint.state_name(found.state), coalesce(found.attempt, 0),
    CASE WHEN found.progress >= 0 THEN found.progress / 10.0 END,
    to_timestamp(('x' || substr(replace(found.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0),
    to_timestamp(found.run_at / 1000.0), to_timestamp(nullif(found.started_at, 0) / 1000.0),
    to_timestamp(found.finished_at / 1000.0), found.unique_key, found.error_code, found.error_message, found.args::json,
    found.result::json
  FROM (
    SELECT j.tenant, j.id, j.queue, j.kind, j.state, j.attempt, j.progress, j.run_at, j.started_at,
      NULL::bigint AS finished_at, j.unique_key, j.error_code, j.error_message, j.args, NULL AS result
    FROM stint.job AS j WHERE j.id = $1
    UNION ALL
    SELECT h.tenant, h.id, h.queue, h.kind, h.state, h.attempt, h.progress, h.run_at, h.started_at, h.finished_at,
      h.unique_key, h.error_code, h.error_message, h.args, h.result
    FROM stint.history AS h WHERE h.id = $1 AND (h.expires_at = 0 OR h.expires_at > stint.now())) AS found, caller
  WHERE found.tenant = caller.tenant
  LIMIT 1
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
