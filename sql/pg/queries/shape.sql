-- What the schema must look like (sql/pg/shape.txt, made by `make pg-shape`) and what it looks like, line by line: `OBJECT: STATE`.

-- name: shape_differences
-- $1: shape.txt. Of each object that differs: what it is (NULL: missing) and should be (NULL: missing), in the parts that differ.
-- Tables come first, because what hangs on one goes with it.
WITH wanted AS (
  SELECT left(line, strpos(line, ': ') - 1) AS object, substr(line, strpos(line, ': ') + 2) AS state
  FROM string_to_table($1, E'\n') AS line WHERE line <> ''
), found AS (@shape_lines@)
SELECT coalesce(w.object, f.object), CASE WHEN f.object IS NOT NULL THEN coalesce(d.f, 'otherwise') END,
  CASE WHEN w.object IS NOT NULL THEN coalesce(d.w, 'as the migrations make it') END
FROM wanted AS w FULL JOIN found AS f ON f.object = w.object CROSS JOIN LATERAL (
  SELECT string_agg(p.f, ', ') AS f, string_agg(p.w, ', ') AS w
  FROM unnest(string_to_array(f.state, ', '), string_to_array(w.state, ', ')) AS p (f, w) WHERE p.f IS DISTINCT FROM p.w) AS d
WHERE f.state IS DISTINCT FROM w.state
ORDER BY coalesce(w.object, f.object) NOT LIKE 'table %', coalesce(w.object, f.object) COLLATE "C"

-- name: shape_is_right
-- $1: shape.txt. What each start asks, and the rest only when the answer is no.
SELECT string_agg(line || E'\n', '' ORDER BY line COLLATE "C") = $1 FROM (SELECT object || ': ' || state AS line FROM (@shape_lines@) AS l) AS s

-- name: shape_rows
-- The rows that the migrations made and all nodes need, as far as they are gone. Asked when the tables are as they should be.
SELECT 'row ' || name || ' of stint.meta', NULL::text, ''::text FROM unnest('{epoch,secret,settings_version}'::text[]) AS r (name)
WHERE name NOT IN (SELECT name FROM stint.meta WHERE number IS NOT NULL OR bytes IS NOT NULL)
UNION ALL
SELECT 'row ' || name || ' of stint.service', NULL, '' FROM unnest('{care,fold,partition}'::text[]) AS r (name)
WHERE name NOT IN (SELECT name FROM stint.service)

-- name: shape_lines
-- From the catalogs' own columns: the texts that PostgreSQL makes of expressions differ from release to release. Dated partitions
-- come and go: of them only what should not be. What an administrator may tune is not here: docs/postgresql.md says it. As a
-- session's settings are, names of types have quotes, or their schema in front: both are taken away. Each catalog costs every
-- start a moment, so numbers that are the same in all releases are not looked up: 100 and 950 are collations, 14 is a language.
WITH tables AS MATERIALIZED (
  SELECT c.oid, c.relname AS name, c.relispartition, c.relispartition AND c.relname ~ '^(event_)?history_[0-9]+$' AS is_dated,
    c.relkind, c.relpersistence, c.relrowsecurity
  FROM pg_class AS c WHERE c.relnamespace = 'stint'::regnamespace AND c.relkind IN ('r', 'p', 'f')
), lines (object, state) AS (
  SELECT CASE WHEN NOT t.is_dated THEN 'table stint.' WHEN t.relpersistence = 'p' THEN 'row level security of stint.'
      ELSE 'unlogged partition stint.' END || t.name, concat_ws(', ',
    CASE t.relkind WHEN 'r' THEN 'ordinary' WHEN 'p' THEN 'partitioned' ELSE 'foreign' END,
    CASE WHEN t.relispartition THEN 'a partition' ELSE 'a table of its own' END,
    CASE t.relpersistence WHEN 'p' THEN 'logged' ELSE 'unlogged' END,
    CASE WHEN t.relrowsecurity THEN 'with row level security' ELSE 'without row level security' END)
  FROM tables AS t WHERE NOT t.is_dated OR t.relpersistence <> 'p' OR t.relrowsecurity
  UNION ALL
  SELECT concat('column stint.', t.name, '.', a.attname), concat_ws(', ',
    replace(format_type(a.atttypid, a.atttypmod), '"', ''),
    CASE WHEN a.attnotnull THEN 'not null' ELSE 'nullable' END,
    CASE WHEN a.attidentity <> '' THEN 'with an identity' WHEN a.attgenerated <> '' THEN 'generated'
      WHEN a.atthasdef THEN 'with a default' ELSE 'without a default' END,
    CASE a.attcollation WHEN 0 THEN 'not collated' WHEN 100 THEN 'collated as the database' WHEN 950 THEN 'collated by "C"'
      ELSE 'collated otherwise' END)
  FROM tables AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
  WHERE NOT t.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  -- Those of REINDEX CONCURRENTLY, while it runs and when it failed, are named so; and those that wait for a migration (indexes.h).
  SELECT 'index stint.' || n.relname, concat_ws(', ', 'of stint.' || t.name,
    CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisunique THEN 'unique' ELSE 'not unique' END,
    CASE WHEN i.indpred IS NULL THEN 'of all rows' ELSE 'with a condition' END,
    CASE WHEN i.indisvalid THEN 'valid' ELSE 'invalid' END,
    'on ' || (SELECT string_agg(concat(a.attname, CASE a.attcollation WHEN 0 THEN '' WHEN 100 THEN ' as the database' WHEN 950 THEN ' by "C"'
        ELSE ' otherwise' END), ' + ' ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = i.indexrelid),
    'with options ' || i.indoption::text)
  FROM tables AS t JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS n ON n.oid = i.indexrelid
  WHERE NOT t.is_dated AND NOT n.relispartition AND (i.indisvalid OR n.relname !~ '_cc(new|old)[0-9]*$')
    AND NOT (t.relispartition AND n.relname ~ '_early$')
  UNION ALL
  SELECT concat('constraint ', o.conname, ' of stint.', t.name), concat_ws(', ',
    CASE o.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' ELSE 'of another kind' END,
    CASE WHEN o.condeferrable THEN 'deferrable' ELSE 'immediate' END)
  FROM tables AS t JOIN pg_constraint AS o ON o.conrelid = t.oid WHERE NOT t.relispartition AND o.contype NOT IN ('n', 't')
  UNION ALL
  SELECT concat('trigger ', g.tgname, ' on stint.', t.name), concat_ws(', ',
    CASE g.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'A' THEN 'always enabled' ELSE 'enabled for replicas' END,
    'of type ' || g.tgtype, 'calling ' || replace(replace(g.tgfoid::regproc::text, '"', ''), 'stint.', ''),
    CASE WHEN g.tgqual IS NULL THEN 'for all' ELSE 'with a condition' END, 'of columns ' || g.tgattr::text)
  FROM tables AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal AND g.tgparentid = 0
  UNION ALL
  SELECT concat('rule ', r.rulename, ' on stint.', t.name), 'there' FROM tables AS t JOIN pg_rewrite AS r ON r.ev_class = t.oid
  UNION ALL
  SELECT concat('policy ', p.polname, ' on stint.', t.name), 'there' FROM tables AS t JOIN pg_policy AS p ON p.polrelid = t.oid
  UNION ALL
  SELECT concat('function stint.', p.proname, '(', (SELECT string_agg(replace(replace(format_type(type, NULL), '"', ''), 'stint.', ''), ', '
      ORDER BY number) FROM unnest(p.proargtypes) WITH ORDINALITY AS y (type, number)), ')'), concat_ws(', ',
    CASE p.prokind WHEN 'f' THEN 'a function' ELSE 'of another kind' END,
    CASE p.prolang WHEN 14 THEN 'in SQL' ELSE 'not in SQL' END,
    CASE p.provolatile WHEN 'v' THEN 'volatile' WHEN 's' THEN 'stable' ELSE 'immutable' END,
    CASE p.proparallel WHEN 'u' THEN 'parallel unsafe' WHEN 'r' THEN 'parallel restricted' ELSE 'parallel safe' END,
    CASE WHEN p.prosecdef THEN 'security definer' ELSE 'security invoker' END,
    CASE WHEN p.proleakproof THEN 'leakproof' ELSE 'not leakproof' END,
    CASE WHEN p.proisstrict THEN 'strict' ELSE 'called on null' END,
    CASE WHEN p.proretset THEN 'returning a set of ' ELSE 'returning ' END
      || replace(replace(format_type(p.prorettype, NULL), '"', ''), 'stint.', ''),
    concat('with ', p.pronargdefaults, ' defaults'),
    coalesce('set ' || replace(array_to_string(p.proconfig, ' '), ', ', ','), 'without settings'),
    coalesce('of arguments ' || array_to_string(p.proargnames, ' '), 'without names of arguments'),
    'of text ' || left(md5(p.prosrc), 12))
  FROM pg_proc AS p WHERE p.pronamespace = 'stint'::regnamespace
)
SELECT object, state FROM lines
