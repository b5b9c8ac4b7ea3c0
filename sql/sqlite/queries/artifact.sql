-- Artifacts and series.

-- name: artifact_insert
INSERT INTO artifact (job, job_random, name, lease, media_type, sha256, size, created_at, file, bytes)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- name: artifact_find
SELECT id, file FROM artifact WHERE job = ?1 AND name = ?2 AND lease = ?3

-- name: artifact_of_job
SELECT id, name, lease, file FROM artifact WHERE job = ?1 ORDER BY id

-- name: artifact_publish
UPDATE artifact SET lease = 0 WHERE id = ?1

-- name: artifact_step_back
-- A lease below 0: published, and later again, and held by a series.
UPDATE artifact SET lease = (SELECT min(o.lease) - 1 FROM artifact AS o WHERE o.job = artifact.job AND o.name = artifact.name)
WHERE id = ?1

-- name: artifact_delete
DELETE FROM artifact WHERE id = ?1

-- name: artifact_get
SELECT name, media_type, sha256, size, created_at, file, bytes FROM artifact WHERE job = ?1 AND name = ?2 AND lease = 0

-- name: artifact_list
SELECT name, media_type, sha256, size, created_at, file, NULL FROM artifact WHERE job = ?1 AND lease = 0 ORDER BY name

-- name: artifact_has_file
SELECT 1 FROM artifact WHERE file = ?1

-- name: series_insert
INSERT INTO series_entry (tenant, name, artifact, published_at, result) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: series_old
SELECT series_entry.id, artifact.id, artifact.file, (SELECT 1 FROM job WHERE job.id = artifact.job AND artifact.lease = 0)
FROM series_entry JOIN artifact ON artifact.id = series_entry.artifact
WHERE series_entry.tenant = ?1 AND series_entry.name = ?2 ORDER BY series_entry.id DESC LIMIT 1000 OFFSET ?3

-- name: series_of_artifact
SELECT id FROM series_entry WHERE artifact = ?1 LIMIT 1

-- name: series_delete
DELETE FROM series_entry WHERE id = ?1

-- name: series_delete_artifact
DELETE FROM series_entry WHERE artifact = ?1

-- name: series_get
SELECT artifact.name, media_type, sha256, size, artifact.created_at, file, bytes, artifact.job, job_random, result,
  published_at, series_entry.name
FROM series_entry JOIN artifact ON artifact.id = series_entry.artifact
WHERE series_entry.tenant = ?1 AND series_entry.name = ?2 ORDER BY series_entry.id DESC LIMIT ?3

-- name: series_newest
SELECT artifact.name, media_type, sha256, size, artifact.created_at, file, NULL, artifact.job, job_random, result,
  published_at, series_entry.name
FROM series_entry JOIN artifact ON artifact.id = series_entry.artifact
WHERE series_entry.id = ?1

-- name: series_names
SELECT max(id), name FROM series_entry WHERE tenant = ?1 AND name > ?2 AND name >= ?3 GROUP BY name ORDER BY name LIMIT ?4
