"""The line below Python for signatures: one belongs to a sealed package, is part of its file, and stays."""

INSTALL = """
CREATE FUNCTION package_signing_begins() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM packages_package p WHERE p.id = NEW.package_id AND p.organization_id = NEW.organization_id
                  AND p.state = 'sealed' AND p.size > NEW.closed_bytes) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[PKG-5] a signature belongs to a sealed package and its file';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER package_signing_begins BEFORE INSERT ON package_signing_signature
  FOR EACH ROW EXECUTE FUNCTION package_signing_begins();
ALTER TABLE package_signing_signature ENABLE ALWAYS TRIGGER package_signing_begins;
"""
REMOVE = """
DROP TRIGGER package_signing_begins ON package_signing_signature;
DROP FUNCTION package_signing_begins();
"""
