-- Artifacts, their contents and series. What of them is small lies in its row, the rest in blob (store/pg/blobs.c). Deleting
-- a row whose contents are there has them looked at by the care-taker: trigger artifact_gone.

-- name: artifact_stage
INSERT INTO stint.artifact (job, tenant, lease, size, created_at, name, media_type, sha256, bytes)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bytea[],
  $9::bytea[])
ON CONFLICT (job, name, lease) DO UPDATE SET size = excluded.size, created_at = excluded.created_at,
  media_type = excluded.media_type, sha256 = excluded.sha256, bytes = excluded.bytes

-- name: artifact_settle
-- $2: the leases that are published, 0 for none
DELETE FROM stint.artifact AS a USING unnest($1::uuid[], $2::bigint[]) AS u (job, lease)
WHERE a.job = u.job AND a.lease > 0 AND a.lease <> u.lease

-- name: artifact_step_back
-- A lease below 0: published, and later again, and held by a series.
-- Of what is about to be published: one of that name that a last turn has published makes room, and lives on where a series holds it.
WITH old AS MATERIALIZED (
  SELECT a.id, (SELECT min(o.lease) - 1 FROM stint.artifact AS o WHERE o.job = a.job AND o.name = a.name) AS lease,
    EXISTS (SELECT 1 FROM stint.series_entry AS e WHERE e.artifact = a.id) AS is_held
  FROM unnest($1::uuid[], $2::bigint[]) AS u (job, lease)
  JOIN stint.artifact AS a ON a.job = u.job AND a.lease = 0
  JOIN stint.artifact AS n ON n.job = u.job AND n.lease = u.lease AND n.name = a.name
  WHERE u.lease > 0
), gone AS (
  DELETE FROM stint.artifact AS a USING old WHERE a.id = old.id AND NOT old.is_held
)
UPDATE stint.artifact AS a SET lease = old.lease FROM old WHERE a.id = old.id AND old.is_held

-- name: artifact_publish
UPDATE stint.artifact AS a SET lease = 0, drop_at = u.drop_at
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS u (job, lease, drop_at)
WHERE a.job = u.job AND a.lease = u.lease AND a.lease > 0

-- name: artifact_keep
-- What a job has published goes when it goes, also when that is later than was thought.
UPDATE stint.artifact AS a SET drop_at = u.drop_at
FROM unnest($1::uuid[], $2::bigint[]) AS u (job, drop_at) WHERE a.job = u.job AND a.lease = 0

-- name: artifact_has
SELECT 1 FROM stint.artifact WHERE job = $1 AND name = $2 AND (lease = 0 OR lease = $3) LIMIT 1

-- name: artifact_remove
-- What a series holds stays, with its drop_at: see artifact_expire.
DELETE FROM stint.artifact AS a WHERE a.job = ANY ($1)
  AND NOT EXISTS (SELECT 1 FROM stint.series_entry AS e WHERE e.artifact = a.id)

-- name: artifact_erase
DELETE FROM stint.artifact WHERE job = ANY ($1)

-- name: series_erase
DELETE FROM stint.series_entry AS e USING stint.artifact AS a WHERE a.job = ANY ($1) AND e.artifact = a.id

-- name: series_insert
INSERT INTO stint.series_entry (artifact, published_at, tenant, name, result)
SELECT a.id, u.at, u.tenant, u.series, u.result
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
  WITH ORDINALITY AS u (job, name, tenant, at, series, result, n)
CROSS JOIN LATERAL (SELECT id FROM stint.artifact AS a WHERE a.job = u.job AND a.name = u.name COLLATE "C" AND a.lease = 0) AS a
ORDER BY u.n

-- name: series_trim
-- An artifact whose job is gone (drop_at 0) and that leaves a series is looked at again. The row is written in any case: the
-- care-taker may be giving it that 0 just now.
WITH last AS MATERIALIZED (
  SELECT u.tenant::int AS tenant, u.name, (SELECT e.id FROM stint.series_entry AS e
    WHERE e.tenant = u.tenant::int AND e.name = u.name COLLATE "C" ORDER BY e.tenant, e.name, e.id DESC OFFSET u.keep LIMIT 1) AS id
  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS u (tenant, name, keep) ORDER BY 1, 2
), gone AS (
  DELETE FROM stint.series_entry AS e USING last
  WHERE e.tenant = last.tenant AND e.name = last.name COLLATE "C" AND e.id <= last.id RETURNING e.artifact
)
UPDATE stint.artifact AS a SET drop_at = CASE WHEN a.drop_at = 0 OR a.lease < 0 THEN 1 ELSE a.drop_at END
FROM (SELECT DISTINCT artifact FROM gone ORDER BY 1) AS g WHERE a.id = g.artifact AND a.lease <= 0

-- name: artifact_job
-- Whose artifacts are they? A batch is no job.
SELECT 1 FROM stint.job WHERE id = $1 AND ($2::bigint = 0 OR tenant = $2) AND flags & 1048576 = 0
UNION ALL
SELECT 1 FROM stint.history WHERE id = $1 AND ($2::bigint = 0 OR tenant = $2) AND flags & 1048576 = 0
LIMIT 1

-- name: artifact_get
-- $3 name. No row: no such job; a NULL name: no such artifact.
SELECT a.name, a.media_type, a.sha256, a.size, a.created_at, a.bytes, a.tenant
FROM (@artifact_job@) AS j LEFT JOIN stint.artifact AS a ON a.job = $1 AND a.name = $3 AND a.lease = 0

-- name: artifact_list
SELECT a.name, a.media_type, a.sha256, a.size, a.created_at, NULL::bytea, a.tenant
FROM (@artifact_job@) AS j LEFT JOIN stint.artifact AS a ON a.job = $1 AND a.lease = 0 ORDER BY a.name

-- name: series_get
SELECT a.name, a.media_type, a.sha256, a.size, a.created_at, a.bytes, a.tenant, a.job, e.result, e.published_at
FROM (
  SELECT id, artifact, result, published_at FROM stint.series_entry WHERE tenant = $1 AND name = $2
  ORDER BY tenant DESC, name DESC, id DESC LIMIT $3
) AS e CROSS JOIN LATERAL (SELECT * FROM stint.artifact AS a WHERE a.id = e.artifact) AS a ORDER BY e.id DESC

-- name: series_list
-- $2 after · $3 prefix · $4 at most. One step in the index for each name.
WITH RECURSIVE s (name) AS (
  (SELECT name FROM stint.series_entry WHERE tenant = $1 AND name > $2::text AND name >= $3::text ORDER BY tenant, name LIMIT 1)
  UNION ALL
  SELECT (SELECT e.name FROM stint.series_entry AS e WHERE e.tenant = $1 AND e.name > s.name ORDER BY e.tenant, e.name LIMIT 1)
  FROM s WHERE starts_with(s.name, $3::text)
)
SELECT a.name, a.media_type, a.sha256, a.size, a.created_at, NULL::bytea, a.tenant, a.job, e.result, e.published_at, n.name
FROM (SELECT s.name FROM s WHERE starts_with(s.name, $3::text) LIMIT $4) AS n
CROSS JOIN LATERAL (
  SELECT artifact, result, published_at FROM stint.series_entry AS e WHERE e.tenant = $1 AND e.name = n.name
  ORDER BY e.tenant DESC, e.name DESC, e.id DESC LIMIT 1) AS e
CROSS JOIN LATERAL (SELECT * FROM stint.artifact AS a WHERE a.id = e.artifact) AS a

-- name: blob_wanted
-- May this worker stage at all, and how much of the contents is there? $1 job · $2 tenant · $3 lease · $4 sha256
SELECT tenant, (SELECT coalesce(sum(octet_length(b.bytes)), 0)::bigint FROM stint.blob AS b
  WHERE b.tenant = j.tenant AND b.sha256 = $4)
FROM stint.job AS j WHERE id = $1 AND ($2::bigint = 0 OR tenant = $2) AND state = 3 AND lease = $3

-- name: blob_put
INSERT INTO stint.blob (tenant, sha256, part, bytes)
SELECT $1::bigint, $2::bytea, $3::bigint + n - 1, bytes FROM unnest($4::bytea[]) WITH ORDINALITY AS u (bytes, n)
ON CONFLICT (tenant, sha256, part) DO NOTHING

-- name: blob_check_add
INSERT INTO stint.blob_check (tenant, sha256, check_at) VALUES ($1, $2, $3)

-- name: blob_lock
-- Held by whoever makes an artifact of contents that are there already: the care-taker leaves them alone meanwhile.
SELECT pg_advisory_xact_lock_shared($1)

-- name: blob_size
SELECT coalesce(sum(octet_length(bytes)), 0)::bigint FROM stint.blob WHERE tenant = $1 AND sha256 = $2

-- name: blob_read
SELECT part, bytes FROM stint.blob WHERE tenant = $1 AND sha256 = $2 AND part >= $3 AND part < $3 + $4 ORDER BY part
