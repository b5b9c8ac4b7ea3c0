-- Batches by name, and by a label: KEY:VALUE, of at most 256 bytes. A batch keeps the labels that it was made with.
CREATE INDEX batch_name ON batch (tenant, name, job);

CREATE TABLE batch_label (
  tenant INTEGER NOT NULL,
  label TEXT NOT NULL,
  job INTEGER NOT NULL,
  PRIMARY KEY (tenant, label, job)
) WITHOUT ROWID;

CREATE TRIGGER batch_added AFTER INSERT ON batch BEGIN
  INSERT OR IGNORE INTO batch_label (tenant, label, job) SELECT new.tenant, key || ':' || value, new.job FROM json_each(new.labels)
  WHERE length(CAST(key || ':' || value AS BLOB)) <= 256;
END;

CREATE TRIGGER batch_gone AFTER DELETE ON batch BEGIN
  DELETE FROM batch_label WHERE tenant = old.tenant AND job = old.job
    AND label IN (SELECT key || ':' || value FROM json_each(old.labels));
END;

INSERT OR IGNORE INTO batch_label (tenant, label, job) SELECT tenant, key || ':' || value, job FROM batch, json_each(batch.labels)
WHERE length(CAST(key || ':' || value AS BLOB)) <= 256;
