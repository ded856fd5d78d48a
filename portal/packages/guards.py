"""The line below Python for packages: who prepared one does not approve it, and a sealed one never changes."""

INSTALL = """
CREATE FUNCTION packages_package_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: a package is never deleted';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'draft' OR NEW.approved_by_id IS NOT NULL OR NEW.sha256 <> '' THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[PKG-1] a package begins as an empty draft';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.organization_id, NEW.number, NEW.issue, NEW.ref, NEW.engagement_id, NEW.prepared_by_id)
     IS DISTINCT FROM (OLD.organization_id, OLD.number, OLD.issue, OLD.ref, OLD.engagement_id, OLD.prepared_by_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: what a package is and who prepared it stays';
  END IF;
  IF OLD.state IN ('sealed', 'superseded') AND
     (to_jsonb(OLD) - ARRAY['state', 'superseded_at', 'version', 'recorded_by_event']
      IS DISTINCT FROM to_jsonb(NEW) - ARRAY['state', 'superseded_at', 'version', 'recorded_by_event']) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: a sealed package never changes; a correction is a new issue';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
     ('draft>in_review', 'in_review>draft', 'in_review>sealed', 'sealed>superseded') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[PKG-2] a package does not go from %s to %s', OLD.state, NEW.state);
  END IF;
  IF NEW.approved_by_id IS NOT NULL AND NEW.approved_by_id = NEW.prepared_by_id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = '[S-38] who prepared a package may not approve it';
  END IF;
  IF (NEW.state = 'sealed' AND OLD.state <> 'sealed') OR
     (NEW.approved_by_id IS NOT NULL AND OLD.approved_by_id IS NULL) THEN
    IF NOT approvals_granted('packages.package', NEW.id, 1, 'package.seal') THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[PKG-3] a package is sealed only after a granted approval';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM approvals_decision d JOIN approvals_request r ON r.id = d.request_id
                   WHERE r.subject_type = 'packages.package' AND r.subject_id = NEW.id AND r.state = 'granted'
                     AND d.verdict = 'approve' AND d.person_id = NEW.approved_by_id) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[PKG-4] the person named as approver did not approve it';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER packages_package_moves BEFORE INSERT OR UPDATE OR DELETE ON packages_package
  FOR EACH ROW EXECUTE FUNCTION packages_package_moves();
CREATE TRIGGER packages_package_no_truncate BEFORE TRUNCATE ON packages_package
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE packages_package ENABLE ALWAYS TRIGGER packages_package_moves;
ALTER TABLE packages_package ENABLE ALWAYS TRIGGER packages_package_no_truncate;
"""
#: The volumes of a draft are made anew with it; those of a sealed package stay, as it does.
INSTALL_VOLUMES = """
CREATE FUNCTION packages_volume_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  row_ packages_volume;
BEGIN
  row_ := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: a volume is never changed, only made anew';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM packages_package p WHERE p.id = row_.package_id
                 AND p.organization_id = row_.organization_id AND p.state IN ('draft', 'in_review')) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: the volumes of a sealed package never change; a correction is a new issue';
  END IF;
  RETURN row_;
END $$;
CREATE TRIGGER packages_volume_stays BEFORE INSERT OR UPDATE OR DELETE ON packages_volume
  FOR EACH ROW EXECUTE FUNCTION packages_volume_stays();
CREATE TRIGGER packages_volume_no_truncate BEFORE TRUNCATE ON packages_volume
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE packages_volume ENABLE ALWAYS TRIGGER packages_volume_stays;
ALTER TABLE packages_volume ENABLE ALWAYS TRIGGER packages_volume_no_truncate;
"""
REMOVE_VOLUMES = """
DROP TRIGGER packages_volume_no_truncate ON packages_volume;
DROP TRIGGER packages_volume_stays ON packages_volume;
DROP FUNCTION packages_volume_stays();
"""
REMOVE = """
DROP TRIGGER packages_package_no_truncate ON packages_package;
DROP TRIGGER packages_package_moves ON packages_package;
DROP FUNCTION packages_package_moves();
"""

# What a package was planned as stays: its template decided what of the engagement is told, and to whom.
PLANNED = """
CREATE FUNCTION packages_package_planned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (NEW.template, NEW.chosen, NEW.paper) IS DISTINCT FROM (OLD.template, OLD.chosen, OLD.paper) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: the template of a package and what was chosen for it stay';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER packages_package_planned BEFORE UPDATE ON packages_package
  FOR EACH ROW EXECUTE FUNCTION packages_package_planned();
ALTER TABLE packages_package ENABLE ALWAYS TRIGGER packages_package_planned;
"""
REMOVE_PLANNED = """
DROP TRIGGER packages_package_planned ON packages_package;
DROP FUNCTION packages_package_planned();
"""

# WCAG 2.2, 1.4.3, as colours.py reckons it: white on the accent, and the accent on white, at least 4.5 to 1.
LETTERHEAD = """
CREATE FUNCTION contrast_with_white(colour text) RETURNS double precision LANGUAGE sql IMMUTABLE
  SET search_path = pg_catalog, pg_temp AS $$
  SELECT 1.05 / (0.05 + sum(weight * CASE WHEN part <= 0.04045 THEN part / 12.92 ELSE power((part + 0.055) / 1.055, 2.4) END))
  FROM (SELECT get_byte(decode(substr(colour, 2), 'hex'), at) / 255.0::double precision AS part,
               (ARRAY[0.2126, 0.7152, 0.0722])[at + 1]::double precision AS weight
        FROM generate_series(0, 2) AS at) AS parts $$;
ALTER TABLE packages_letterhead
  ADD CONSTRAINT letterhead_accent_is_readable
    CHECK (accent = '' OR (accent ~ '^#[0-9a-f]{6}$' AND contrast_with_white(accent) >= 4.5)),
  ADD CONSTRAINT letterhead_logo_is_a_small_png
    CHECK (logo IS NULL OR (octet_length(logo) <= 131072 AND substr(logo, 1, 8) = '\\x89504e470d0a1a0a'));
"""
REMOVE_LETTERHEAD = """
ALTER TABLE packages_letterhead DROP CONSTRAINT letterhead_logo_is_a_small_png,
  DROP CONSTRAINT letterhead_accent_is_readable;
DROP FUNCTION contrast_with_white(text);
"""
