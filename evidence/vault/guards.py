"""The line below Python for blobs: nothing of a row changes but the wrapping of its data key, and no row goes."""

INSTALL = """
CREATE FUNCTION vault_blob_only_rewraps() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR OLD.wrapped_key = NEW.wrapped_key
     OR to_jsonb(OLD) - ARRAY['kek_id', 'wrapped_key'] IS DISTINCT FROM to_jsonb(NEW) - ARRAY['kek_id', 'wrapped_key'] THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: vault_blob allows a new wrapping of its data key and nothing else, so '
        || TG_OP || ' is refused';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER vault_blob_only_rewraps BEFORE UPDATE OR DELETE ON vault_blob
  FOR EACH ROW EXECUTE FUNCTION vault_blob_only_rewraps();
CREATE TRIGGER vault_blob_no_truncate BEFORE TRUNCATE ON vault_blob
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE vault_blob ENABLE ALWAYS TRIGGER vault_blob_only_rewraps;
ALTER TABLE vault_blob ENABLE ALWAYS TRIGGER vault_blob_no_truncate;
"""

REMOVE = """
DROP TRIGGER vault_blob_no_truncate ON vault_blob;
DROP TRIGGER vault_blob_only_rewraps ON vault_blob;
DROP FUNCTION vault_blob_only_rewraps();
"""
