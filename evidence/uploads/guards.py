"""The line below Python for files that come in pieces: whose they are, and that what was acknowledged stays.

An offset only moves forward, over a piece that is here; a piece begins where the last one ended; nobody's upload is
seen or touched by another person. The product itself, which names no person, clears away what ran out.
"""

INSTALL = """
CREATE POLICY own_person ON uploads_upload AS RESTRICTIVE
  USING ((SELECT current_person()) IS NULL OR person_id = (SELECT current_person()))
  WITH CHECK ((SELECT current_person()) IS NULL OR person_id = (SELECT current_person()));

CREATE FUNCTION uploads_upload_moves_forward() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW."offset" <> 0 OR NEW.state <> 'receiving' THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-01] an upload begins empty';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' THEN
    IF OLD.state = 'receiving' THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-02] an upload is stopped before it is forgotten';
    END IF;
    RETURN OLD;
  END IF;
  IF to_jsonb(NEW) - ARRAY['offset', 'state', 'artifact_id', 'expires_at']
     IS DISTINCT FROM to_jsonb(OLD) - ARRAY['offset', 'state', 'artifact_id', 'expires_at'] THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-03] what was announced of an upload never changes';
  END IF;
  IF OLD.state <> 'receiving' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-04] an upload that ended stays as it is';
  END IF;
  IF NEW."offset" < OLD."offset" THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-05] the offset of an upload never shrinks';
  END IF;
  IF NEW."offset" > OLD."offset" AND NOT EXISTS (
       SELECT 1 FROM uploads_part p
       WHERE p.upload_id = OLD.id AND p.start = OLD."offset" AND p.start + p.size = NEW."offset") THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-06] the offset of an upload moves over a piece that is here';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER uploads_upload_moves_forward BEFORE INSERT OR UPDATE OR DELETE ON uploads_upload
  FOR EACH ROW EXECUTE FUNCTION uploads_upload_moves_forward();

CREATE FUNCTION uploads_part_continues() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF EXISTS (SELECT 1 FROM uploads_upload u WHERE u.id = OLD.upload_id AND u.state = 'receiving') THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[U-07] a piece stays while its upload is received';
    END IF;
    RETURN OLD;
  END IF;
  IF NOT EXISTS (
       SELECT 1 FROM uploads_upload u
       WHERE u.id = NEW.upload_id AND u.organization_id = NEW.organization_id AND u.state = 'receiving'
         AND u."offset" = NEW.start AND NEW.start + NEW.size <= u.length) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[U-08] a piece begins where its upload stands, and ends within its length';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER uploads_part_continues BEFORE INSERT OR DELETE ON uploads_part
  FOR EACH ROW EXECUTE FUNCTION uploads_part_continues();
ALTER TABLE uploads_upload ENABLE ALWAYS TRIGGER uploads_upload_moves_forward;
ALTER TABLE uploads_part ENABLE ALWAYS TRIGGER uploads_part_continues;
"""

REMOVE = """
DROP TRIGGER uploads_part_continues ON uploads_part;
DROP FUNCTION uploads_part_continues();
DROP TRIGGER uploads_upload_moves_forward ON uploads_upload;
DROP FUNCTION uploads_upload_moves_forward();
DROP POLICY own_person ON uploads_upload;
"""
