-- The schema's versions and its shape. `-- name: x` begins a query; @x@ is replaced by the query of that name.

-- name: schema_find
-- Is it there; does it hold a list of migrations like ours; one of the things that it holds. From the catalogs, which all may read.
WITH found AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'stint')
SELECT EXISTS (SELECT FROM found),
  (SELECT count(*) FROM found JOIN pg_catalog.pg_class AS c ON c.relnamespace = found.oid
   JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
   WHERE c.relname = 'migration' AND a.attname = ANY ('{version,checksum,oldest_program,shape}') AND NOT a.attisdropped) = 4,
  (SELECT thing FROM (
     SELECT CASE WHEN c.relkind IN ('r', 'p', 'f') THEN 'table' WHEN c.relkind IN ('v', 'm') THEN 'view'
       WHEN c.relkind = 'S' THEN 'sequence' ELSE 'type' END || ' stint.' || c.relname
     FROM found JOIN pg_catalog.pg_class AS c ON c.relnamespace = found.oid WHERE c.relkind NOT IN ('i', 'I')
     UNION ALL
     SELECT 'type stint.' || t.typname FROM found JOIN pg_catalog.pg_type AS t ON t.typnamespace = found.oid
     WHERE t.typrelid = 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS of_it WHERE of_it.typarray = t.oid)
     UNION ALL
     SELECT 'function stint.' || p.proname FROM found JOIN pg_catalog.pg_proc AS p ON p.pronamespace = found.oid) AS all_of_it (thing)
   ORDER BY thing NOT LIKE 'table %', thing COLLATE "C" LIMIT 1)

-- name: migration_all
SELECT version, checksum, oldest_program, shape FROM stint.migration ORDER BY version

-- name: migration_oldest
SELECT max(oldest_program)::bigint FROM stint.migration

-- name: migration_add
INSERT INTO stint.migration (version, name, checksum, applied_at, oldest_program, shape)
VALUES ($1, $2, $3, $4, $5, (@schema_shape@))

-- name: index_early
-- $1: the text of a migration. The next index that is to be made before it (indexes.h), while all that are missing are on $2 bytes
-- or more together; the biggest first, so that few are left to the migration. What drops the rest of a try that was cut (NULL:
-- there is none), what makes it, its name, and the partition's size.
SELECT dropping, making, name, bytes FROM (
  SELECT CASE WHEN i.indexrelid IS NOT NULL THEN format('DROP INDEX CONCURRENTLY stint.%I', early.name) END AS dropping,
    format('CREATE INDEX CONCURRENTLY %I ON stint.%I %s', early.name, part.relname, wanted[3]) AS making, early.name,
    pg_relation_size(part.oid) AS bytes, sum(pg_relation_size(part.oid)) OVER () AS all_bytes, part.relname
  FROM regexp_matches($1, '^CREATE INDEX (\w+) ON stint\.(history|event_history) (\(.*);$', 'gn') AS wanted
  JOIN pg_catalog.pg_class AS whole ON whole.relname = wanted[2] AND whole.relnamespace = 'stint'::regnamespace
  JOIN pg_catalog.pg_inherits AS h ON h.inhparent = whole.oid
  JOIN pg_catalog.pg_class AS part ON part.oid = h.inhrelid
  CROSS JOIN LATERAL (SELECT left(concat(part.relname, '_', wanted[1]), 57) || '_early') AS early (name)
  LEFT JOIN pg_catalog.pg_class AS made ON made.relname = early.name AND made.relnamespace = part.relnamespace
  LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = made.oid
  WHERE i.indisvalid IS NOT TRUE) AS missing
WHERE all_bytes >= $2::bigint
ORDER BY bytes DESC, relname, name LIMIT 1

-- name: schema_shape
-- For programs that are older than the schema: all of them recognise it by this, so it never changes. Those that know the
-- schema look closer (shape.sql).
SELECT md5(string_agg(line, E'\n' ORDER BY line COLLATE "C")) FROM (
  SELECT format('column %s.%s %s %s %s %s', c.relname, a.attname, a.attnum, a.atttypid::regtype, a.attnotnull, a.atthasdef)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = 'stint'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT format('index %s %s %s %s %s', n.relname, c.relname, i.indkey, i.indisunique, i.indpred IS NOT NULL)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class n ON n.oid = i.indexrelid
  JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
  WHERE c.relnamespace = 'stint'::regnamespace AND NOT c.relispartition
  UNION ALL
  SELECT format('constraint %s %s %s', o.conname, c.relname, o.contype)
  FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
  WHERE c.relnamespace = 'stint'::regnamespace AND NOT c.relispartition AND o.contype <> 'n'
  UNION ALL
  SELECT format('trigger %s %s', t.tgname, c.relname)
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  WHERE c.relnamespace = 'stint'::regnamespace AND NOT c.relispartition AND NOT t.tgisinternal
  UNION ALL
  SELECT format('function %s(%s) %s %s', p.proname, p.proargtypes, p.prosecdef, md5(p.prosrc))
  FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'stint'::regnamespace) AS lines (line)
