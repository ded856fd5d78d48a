"""The line below Python: links to sealed packages only, never longer, never open again, and no use of a closed one."""

INSTALL = """
CREATE FUNCTION package_links_link_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: a link is taken back, never deleted';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.revoked_at IS NOT NULL OR NEW.created_at > clock_timestamp() + interval '5 minutes' THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[LNK-1] a link begins open, and now';
    END IF;
    IF NOT EXISTS (SELECT FROM packages_package p WHERE p.id = NEW.package_id
                    AND p.organization_id = NEW.organization_id AND p.state IN ('sealed', 'superseded')) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[LNK-2] a link leads to a sealed package';
    END IF;
    RETURN NEW;
  END IF;
  IF to_jsonb(OLD) - ARRAY['revoked_at', 'revoked_by_id', 'version']
     IS DISTINCT FROM to_jsonb(NEW) - ARRAY['revoked_at', 'revoked_by_id', 'version']
     OR (OLD.revoked_at IS NOT NULL AND (OLD.revoked_at, OLD.revoked_by_id)
         IS DISTINCT FROM (NEW.revoked_at, NEW.revoked_by_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: a link can only be taken back, and stays so; make a new one instead';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER package_links_link_moves BEFORE INSERT OR UPDATE OR DELETE ON package_links_link
  FOR EACH ROW EXECUTE FUNCTION package_links_link_moves();
CREATE TRIGGER package_links_link_no_truncate BEFORE TRUNCATE ON package_links_link
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE package_links_link ENABLE ALWAYS TRIGGER package_links_link_moves;
ALTER TABLE package_links_link ENABLE ALWAYS TRIGGER package_links_link_no_truncate;

CREATE FUNCTION package_links_use_begins() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  -- Locked, so that a use and the taking back of its link see each other.
  PERFORM 1 FROM package_links_link l WHERE l.id = NEW.link_id AND l.organization_id = NEW.organization_id
    AND l.revoked_at IS NULL AND l.ends_at > clock_timestamp() FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[LNK-3] a link that has ended or was taken back opens nothing';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER package_links_use_begins BEFORE INSERT ON package_links_use
  FOR EACH ROW EXECUTE FUNCTION package_links_use_begins();
ALTER TABLE package_links_use ENABLE ALWAYS TRIGGER package_links_use_begins;

CREATE FUNCTION package_links_release_begins() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM packages_package p WHERE p.id = NEW.package_id
                  AND p.organization_id = NEW.organization_id AND p.state IN ('sealed', 'superseded')) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[LNK-4] only a sealed package is released to auditors';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER package_links_release_begins BEFORE INSERT ON package_links_release
  FOR EACH ROW EXECUTE FUNCTION package_links_release_begins();
ALTER TABLE package_links_release ENABLE ALWAYS TRIGGER package_links_release_begins;
"""
REMOVE = """
DROP TRIGGER package_links_release_begins ON package_links_release;
DROP FUNCTION package_links_release_begins();
DROP TRIGGER package_links_use_begins ON package_links_use;
DROP FUNCTION package_links_use_begins();
DROP TRIGGER package_links_link_no_truncate ON package_links_link;
DROP TRIGGER package_links_link_moves ON package_links_link;
DROP FUNCTION package_links_link_moves();
"""
