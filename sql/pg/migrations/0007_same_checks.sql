-- An application's transaction is refused what HTTP refuses (base/json.h, wire/spec.c, wire/fields.c), with SQLSTATE 22023 and the
-- name of the member; test/e2e/pg_same_checks.test.mjs drives one table of cases through both.

-- Why HTTP would not take this JSON, though PostgreSQL does; NULL: it would.
CREATE FUNCTION stint.json_fault(text text, deepest int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  plain text := text;
  bare text; -- what is outside of strings
  brackets text;
BEGIN
  IF strpos(plain, '\') > 0 THEN
    -- The same value, spelled so that each backslash begins an escape and each quote ends a string or begins one.
    plain := replace(replace(plain, '\\', '\u005c'), '\"', '\u0022');
    IF plain ~ '\\u[dD][89a-fA-F]' AND regexp_replace(plain,
        '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g') ~ '\\u[dD][89a-fA-F]' THEN
      RETURN 'has a lone surrogate';
    END IF;
  END IF;
  IF length(plain) <= 1024 AND length(plain) - length(replace(plain, ':', '')) < 2
    AND length(plain) - length(translate(plain, '[{', '')) <= deepest THEN
    RETURN NULL;
  END IF;
  bare := regexp_replace(plain, '"[^"]*"', '', 'g');
  IF length(bare) > 1024 AND bare ~ '(?:[-+.eE0-9]{205}){5}' THEN
    RETURN 'has a number of more than 1024 bytes';
  END IF;
  IF length(bare) - length(translate(bare, '[{', '')) > deepest THEN
    brackets := translate(regexp_replace(bare, '[^][{}]+', '', 'g'), '{}', '[]');
    FOR level IN 1 .. deepest LOOP
      EXIT WHEN brackets = '';
      brackets := replace(brackets, '[]', ''); -- the innermost
    END LOOP;
    IF brackets <> '' THEN
      RETURN 'is nested too deeply';
    END IF;
  END IF;
  IF length(bare) - length(replace(bare, ':', '')) < 2 THEN
    RETURN NULL;
  END IF;
  -- jsonb keeps one of two members with a name. It takes no NUL, and writes 1e999 out.
  IF bare ~ '[eE][-+]?[0-9]' THEN
    plain := regexp_replace(plain, '("[^"]*")|[eE][-+]?[0-9]+', '\1', 'g');
  END IF;
  plain := replace(replace(plain, '\u0000', '\uFFFE\uFFFF\uFFFE')::jsonb::text, '\\', '');
  plain := regexp_replace(replace(plain, '\"', ''), '"[^"]*"', '', 'g');
  IF length(plain) - length(replace(plain, ':', '')) <> length(bare) - length(replace(bare, ':', '')) THEN
    RETURN 'has a member twice';
  END IF;
  RETURN NULL;
END $$;

-- Refuses an object of options for that fault, or for a NUL (fault NULL), and names the member that has it.
CREATE FUNCTION stint.refuse_object(place text, object json, fault text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  spelled text := replace(object::text, '\\', '\u005c');
  readable json;
  member text;
BEGIN
  IF fault = 'has a lone surrogate' THEN -- PostgreSQL does not read it: in words, then
    spelled := regexp_replace(spelled, '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '_', 'g');
    spelled := regexp_replace(spelled, '\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '<lone surrogate>', 'g');
  END IF;
  readable := replace(spelled, '\u0000', '<NUL>')::json;
  IF json_typeof(readable) = 'object' AND fault IS DISTINCT FROM 'has a lone surrogate' THEN
    SELECT m.key INTO member FROM json_each(readable) AS m GROUP BY m.key HAVING count(*) > 1 LIMIT 1;
    IF member IS NOT NULL THEN
      PERFORM stint.refuse(member, 'is there twice');
    END IF;
  END IF;
  IF json_typeof(readable) = 'object' THEN
    SELECT m.key INTO member FROM json_each(readable) AS m
    WHERE CASE fault WHEN 'has a lone surrogate' THEN m.key || m.value::text LIKE '%<lone surrogate>%'
      ELSE stint.json_fault(m.value::text, 62) = fault OR (fault IS NULL AND m.key || m.value::text LIKE '%<NUL>%') END LIMIT 1;
  END IF;
  PERFORM stint.refuse(coalesce(member, place), coalesce(fault, 'must be text without NUL'));
END $$;

CREATE FUNCTION stint.check_object(place text, object json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  fault text := stint.json_fault(object::text, 63);
BEGIN
  IF fault IS NOT NULL OR strpos(replace(object::text, '\\', ''), '\u0000') > 0 THEN
    PERFORM stint.refuse_object(place, object, fault);
  END IF;
END $$;

-- Args as they came, and the other members. Reading an object PostgreSQL reads all that is in it, and stumbles over a NUL,
-- which args may have.
CREATE FUNCTION stint.take_apart(job json, OUT args text, OUT options json) LANGUAGE plpgsql AS $$
DECLARE
  masked json := job;
  has_nul boolean := strpos(job::text, '\u0000') > 0;
BEGIN
  IF json_typeof(job) <> 'object' THEN
    PERFORM stint.refuse('jobs', 'must hold objects');
  END IF;
  IF has_nul THEN
    masked := regexp_replace(job::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\uFfFe\\ufFfF\\uFffE', 'g')::json;
  END IF;
  SELECT (array_agg(m.value::text) FILTER (WHERE m.key = 'args'))[1],
    coalesce(json_object_agg(m.key, m.value) FILTER (WHERE m.key <> 'args'), '{}')
  INTO args, options FROM json_each(masked) AS m;
  IF has_nul THEN
    args := replace(args, '\uFfFe\ufFfF\uFffE', '\u0000');
    options := replace(options::text, '\uFfFe\ufFfF\uFffE', '\u0000')::json;
    PERFORM stint.check_object('jobs', options);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION stint.read_number(options json, field text, lowest bigint, highest bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  value bigint;
BEGIN
  IF options -> field IS NULL THEN
    RETURN NULL;
  END IF;
  IF json_typeof(options -> field) = 'number' AND options ->> field ~ '^(0|-?[1-9][0-9]{0,17})$' THEN
    value := (options ->> field)::bigint;
  END IF;
  IF value IS NULL OR value < lowest OR value > highest THEN
    PERFORM stint.refuse(field, format('must be an integer from %s to %s', lowest, highest));
  END IF;
  RETURN value;
END $$;

-- Seconds as milliseconds; NULL: no number from lowest to highest. What no numeric can be is far away from both.
CREATE FUNCTION stint.to_ms(seconds json, lowest bigint, highest bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  value numeric;
BEGIN
  IF json_typeof(seconds) <> 'number' THEN
    RETURN NULL;
  END IF;
  IF seconds::text !~ '[eE][-+]?0*[1-9][0-9]{3}' THEN
    value := seconds::text::numeric * 1000;
  ELSIF seconds::text ~ '[eE]-' OR seconds::text ~ '^-?[0.]+[eE]' THEN
    value := 0;
  END IF;
  RETURN CASE WHEN value >= lowest AND value <= highest THEN round(value)::bigint END;
END $$;

CREATE OR REPLACE FUNCTION stint.read_seconds(options json, field text, lowest bigint, highest bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  value bigint := stint.to_ms(options -> field, lowest, highest);
BEGIN
  IF value IS NULL AND options -> field IS NOT NULL THEN
    PERFORM stint.refuse(field, format('must be seconds from %s to %s', trim_scale(lowest / 1000.0),
      trim_scale(highest / 1000.0)));
  END IF;
  RETURN value;
END $$;

-- As time_parse of base/clock.c reads it.
CREATE FUNCTION stint.read_time(options json, field text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  parts text[];
  first_day date;
  at bigint;
BEGIN
  IF options -> field IS NULL THEN
    RETURN NULL;
  END IF;
  IF json_typeof(options -> field) = 'string' THEN
    parts := regexp_match(options ->> field, '^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):'
      '([0-5][0-9]):([0-5][0-9])(?:[.]([0-9]+))?(?:[Zz]|([-+])([01][0-9]|2[0-3]):([0-5][0-9]))$');
  END IF;
  IF parts[1]::int >= 1970 THEN
    first_day := make_date(parts[1]::int, parts[2]::int, 1);
    IF first_day + parts[3]::int <= (first_day + interval '1 month')::date THEN
      at := (first_day - date '1970-01-01' + parts[3]::int - 1) * 86400000::bigint
        + ((parts[4]::int * 60 + parts[5]::int) * 60 + parts[6]::int) * 1000::bigint
        + rpad(left(coalesce(parts[7], ''), 3), 3, '0')::int
        - coalesce((parts[8] || '1')::int * (parts[9]::int * 60 + parts[10]::int) * 60000, 0);
    END IF;
  END IF;
  IF at IS NULL OR at NOT BETWEEN 0 AND 253402300799999 THEN
    PERFORM stint.refuse(field, 'must be a time as in RFC 3339, with a zone');
  END IF;
  RETURN at;
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
      WHEN member IN ('group', 'limits', 'batch', 'secrets', 'ref', 'depends_on', 'on_parent_failure') THEN 'is not supported here'
      ELSE format('is not a member of %s', place) END);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION stint.read_retry(options json, default_attempts bigint, default_base_ms bigint) RETURNS text
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
      IF stint.to_ms(delay, 0, 31536000000) IS NULL THEN
        PERFORM stint.refuse('delays_s', 'must hold seconds from 0 to a year');
      END IF;
      delays := delays || ',' || stint.to_ms(delay, 0, 31536000000);
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

CREATE OR REPLACE FUNCTION stint.read_tags(options json) RETURNS text LANGUAGE plpgsql AS $$
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
  RETURN (SELECT '[' || coalesce(string_agg(to_json(t)::text, ','), '') || ']' FROM json_array_elements_text(tags) AS t);
END $$;

-- How many more jobs may wait in the queue; NULL: any number.
CREATE FUNCTION stint.room_in(of_tenant int, settings stint.queue) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN (settings).max_queued >= 0 THEN (settings).max_queued - (
    SELECT coalesce(sum(c.n), 0)::bigint FROM (
      SELECT n FROM stint.count WHERE tenant = of_tenant AND queue = (settings).name AND what <= 2
      UNION ALL
      SELECT n FROM stint.count_delta WHERE tenant = of_tenant AND queue = (settings).name AND what <= 2) AS c) END
$$;

-- One job. `number` keeps the ids of one call in order. `room` is what is left of each limited queue, as far as this
-- call has asked. A duplicate has the id of the job that holds the key.
DROP FUNCTION stint.add_job(int, text, text, json, json, int, bigint);
CREATE FUNCTION stint.add_job(of_tenant int, queue text, kind text, args text, options json, number int, at bigint,
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
    retry, unique_key, tags, args)
  VALUES (add_job.id, of_tenant, add_job.queue, add_job.kind, add_job.state,
    coalesce(nullif(priority, 0), nullif(settings.priority, -1), 0), run_at,
    least(deadline_at, CASE WHEN add_job.state = 1 THEN run_at END),
    CASE WHEN on_lost = 'fail' THEN 512 ELSE 0 END | CASE WHEN on_cancel = 'run' THEN 16384 ELSE 0 END
      | CASE WHEN unique_key IS NOT NULL AND unique_for IS NULL THEN 256 ELSE 0 END,
    nullif(coalesce(timeout_ms, CASE WHEN settings.timeout_ms > 0 THEN settings.timeout_ms END), 300000), deadline_at,
    nullif(lost_max, 3), retry, unique_key, tags, args);
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
      'unique_key', 'priority', 'max_attempts', 'retry', 'timeout_s', 'deadline_s', 'tags', 'lost_max', 'on_lost', 'on_cancel']);
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
      'max_attempts', 'retry', 'timeout_s', 'deadline_s', 'tags', 'lost_max', 'on_lost', 'on_cancel']);
  END IF;
  SELECT * INTO added FROM stint.add_job(of_tenant, queue, kind, coalesce(args::text, 'null'), options,
    floor(random() * 2000000)::int, stint.now(), '{}');
  IF NOT added.is_duplicate THEN
    PERFORM stint.count_added(of_tenant, ARRAY[queue], ARRAY[kind], ARRAY[added.state]);
  END IF;
  RETURN added.id;
END $$;

-- Who may call, for whom. A role has one tenant: to give it another one takes it from the first, by name.
CREATE OR REPLACE FUNCTION stint.allow(role name, tenant_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant_now text;
BEGIN
  PERFORM stint.check_name('tenant', tenant_name);
  INSERT INTO stint.tenant (name, created_at) VALUES (tenant_name, stint.now()) ON CONFLICT (name) DO NOTHING;
  INSERT INTO stint.application (role, tenant) SELECT allow.role, t.id FROM stint.tenant AS t WHERE t.name = tenant_name
    ON CONFLICT ON CONSTRAINT application_pkey DO NOTHING;
  SELECT t.name INTO tenant_now FROM stint.application AS a JOIN stint.tenant AS t ON t.id = a.tenant WHERE a.role = allow.role;
  IF tenant_now IS DISTINCT FROM tenant_name THEN
    RAISE EXCEPTION 'stint: role "%" belongs to the tenant "%"', role, tenant_now USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('To move it: SELECT stint.disallow(%L), stint.allow(%L, %L)', role, role, tenant_name);
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA stint TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION stint.enqueue(text, text, json, json), stint.enqueue_many(json), '
    'stint.cancel(uuid), stint.job(uuid) TO %I', role);
END $$;

-- Takes back what stint.allow gave, also from a role that is gone: another one could get its name.
CREATE FUNCTION stint.disallow(role name) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM stint.application AS a WHERE a.role = disallow.role;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'stint: role "%" belongs to no tenant', role USING ERRCODE = 'undefined_object';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = disallow.role) THEN
    RETURN;
  END IF;
  EXECUTE format('REVOKE EXECUTE ON FUNCTION stint.enqueue(text, text, json, json), stint.enqueue_many(json), '
    'stint.cancel(uuid), stint.job(uuid) FROM %I', role);
  IF NOT EXISTS (SELECT FROM stint.node_role AS n WHERE n.role = disallow.role) THEN
    EXECUTE format('REVOKE USAGE ON SCHEMA stint FROM %I', role);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION stint.caller_tenant() RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER
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
      HINT = format('As the owner of the schema: SELECT stint.allow(%L, %L)', session_user, 'the name of the tenant');
  END IF;
  RETURN found_tenant;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
