"""The line below Python for blobs: what was sealed never changes, and no row goes.

A row changes in three ways, each alone: its data key is wrapped anew, its bytes move to another store, or its key is
destroyed for good, which has to stand in the history first.
"""

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

# One change at a time, so that no move hides a new key and no rewrapping an erasure. The event of an erasure comes
# before it: whoever empties the key without leaving a trace is refused, also from raw SQL.
CHANGES = """
CREATE FUNCTION vault_blob_keeps_content() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  key CONSTANT text[] := ARRAY['kek_id', 'wrapped_key'];
  place CONSTANT text[] := ARRAY['backend', 'store_version'];
  erasure CONSTANT text[] := ARRAY['wrapped_key', 'erased_at', 'erased_by_id'];
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.erased_at IS NULL THEN
    IF OLD.wrapped_key <> NEW.wrapped_key AND length(NEW.wrapped_key) > 0
       AND to_jsonb(OLD) - key = to_jsonb(NEW) - key THEN
      RETURN NEW;
    END IF;
    IF (OLD.backend, OLD.store_version) <> (NEW.backend, NEW.store_version)
       AND to_jsonb(OLD) - place = to_jsonb(NEW) - place THEN
      RETURN NEW;
    END IF;
    IF NEW.erased_at IS NOT NULL AND length(NEW.wrapped_key) = 0
       AND to_jsonb(OLD) - erasure = to_jsonb(NEW) - erasure THEN
      IF NOT EXISTS (SELECT 1 FROM ledger_event e WHERE e.object_type = 'vault.blob' AND e.object_id = NEW.id
                     AND e.organization_id = NEW.organization_id AND e.kind = 'vault.erased') THEN
        RAISE EXCEPTION USING ERRCODE = 'CH001',
          MESSAGE = 'append-only: the key of a vault_blob is destroyed only after the history says so';
      END IF;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001',
    MESSAGE = 'append-only: vault_blob allows a new wrapping of its data key, a move, or its erasure and nothing else, '
      || 'so ' || TG_OP || ' is refused';
END $$;
DROP TRIGGER vault_blob_only_rewraps ON vault_blob;
DROP FUNCTION vault_blob_only_rewraps();
CREATE TRIGGER vault_blob_keeps_content BEFORE UPDATE OR DELETE ON vault_blob
  FOR EACH ROW EXECUTE FUNCTION vault_blob_keeps_content();
ALTER TABLE vault_blob ENABLE ALWAYS TRIGGER vault_blob_keeps_content;
REVOKE UPDATE ON vault_blob FROM clearhold_app;
GRANT UPDATE (kek_id, wrapped_key, backend, store_version, erased_at, erased_by_id) ON vault_blob
  TO clearhold_app;
"""

UNDO_CHANGES = """
REVOKE UPDATE ON vault_blob FROM clearhold_app;
GRANT UPDATE (kek_id, wrapped_key) ON vault_blob TO clearhold_app;
DROP TRIGGER vault_blob_keeps_content ON vault_blob;
DROP FUNCTION vault_blob_keeps_content();
CREATE FUNCTION vault_blob_only_rewraps() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR OLD.wrapped_key = NEW.wrapped_key
     OR to_jsonb(OLD) - ARRAY['kek_id', 'wrapped_key'] IS DISTINCT FROM to_jsonb(NEW) - ARRAY['kek_id', 'wrapped_key'] THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: vault_blob allows a new wrapping alone';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER vault_blob_only_rewraps BEFORE UPDATE OR DELETE ON vault_blob
  FOR EACH ROW EXECUTE FUNCTION vault_blob_only_rewraps();
ALTER TABLE vault_blob ENABLE ALWAYS TRIGGER vault_blob_only_rewraps;
"""

# An alarm neither rises nor falls without a line in the history: each damage has its event, and each mending one more.
CHECKS = """
CREATE FUNCTION vault_check_tells_history() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  damaged bigint;
  mended bigint;
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.blob_id, OLD.organization_id) <> (NEW.blob_id, NEW.organization_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: a check stays with its file';
  END IF;
  SELECT count(*) FILTER (WHERE e.kind = 'vault.damaged'), count(*) FILTER (WHERE e.kind = 'vault.mended')
    INTO damaged, mended FROM ledger_event e
   WHERE e.object_type = 'vault.blob' AND e.object_id = NEW.blob_id AND e.organization_id = NEW.organization_id;
  IF damaged - mended <> (NEW.outcome IN ('damaged', 'missing'))::integer THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = 'a file counts as damaged, or as mended, only together with the event that says so';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER vault_check_tells_history BEFORE INSERT OR UPDATE ON vault_blobcheck
  FOR EACH ROW EXECUTE FUNCTION vault_check_tells_history();
ALTER TABLE vault_blobcheck ENABLE ALWAYS TRIGGER vault_check_tells_history;
"""

REMOVE_CHECKS = """
DROP TRIGGER vault_check_tells_history ON vault_blobcheck;
DROP FUNCTION vault_check_tells_history();
"""
