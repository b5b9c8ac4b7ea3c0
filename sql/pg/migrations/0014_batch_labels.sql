-- Batches by name, and by a label: KEY:VALUE, of at most 256 bytes. A batch keeps the labels that it was made with. What has an
-- escaped NUL is no text here, and none that anybody can ask for.
CREATE INDEX batch_name ON stint.batch (tenant, name COLLATE "C", id);

CREATE TABLE stint.batch_label (
  tenant int NOT NULL,
  label text COLLATE "C" NOT NULL,
  batch uuid NOT NULL,
  PRIMARY KEY (tenant, label, batch)
);

CREATE FUNCTION stint.labels_of(labels text) RETURNS SETOF text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT key || ':' || value FROM jsonb_each_text(CASE WHEN strpos(labels, '\u0000') = 0 THEN labels::jsonb ELSE '{}' END)
  WHERE octet_length(key || ':' || value) <= 256
$$;

CREATE FUNCTION stint.batch_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO stint.batch_label (tenant, label, batch) SELECT NEW.tenant, l, NEW.id FROM stint.labels_of(NEW.labels) AS l;
  RETURN NULL;
END $$;

CREATE FUNCTION stint.batch_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM stint.batch_label WHERE tenant = OLD.tenant AND batch = OLD.id
    AND label IN (SELECT l FROM stint.labels_of(OLD.labels) AS l);
  RETURN NULL;
END $$;

CREATE TRIGGER batch_added AFTER INSERT ON stint.batch FOR EACH ROW WHEN (NEW.labels <> '{}') EXECUTE FUNCTION stint.batch_added();
CREATE TRIGGER batch_gone AFTER DELETE ON stint.batch FOR EACH ROW WHEN (OLD.labels <> '{}') EXECUTE FUNCTION stint.batch_gone();

INSERT INTO stint.batch_label (tenant, label, batch) SELECT b.tenant, l, b.id FROM stint.batch AS b, stint.labels_of(b.labels) AS l;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
