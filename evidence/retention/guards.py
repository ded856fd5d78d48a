"""The line below Python: a hold beats every erasure, two persons stand behind a disposal and behind the end of a hold,
and bytes of evidence are erased by an approved disposal or not at all.

What a finding or an engagement reaches is known on the floors above: they put their own `retention_reach` in place of
the one here, which reaches nothing but the thing itself.
"""

_PATH = "SET search_path = pg_catalog, public, pg_temp"

REACH = f"""
CREATE FUNCTION retention_reach(kind text, target uuid) RETURNS TABLE (target_type text, target_id uuid)
  LANGUAGE sql STABLE {_PATH} AS $$ SELECT $1, $2 $$;
"""

HOLDING = f"""
CREATE FUNCTION retention_holding(artifact uuid) RETURNS SETOF uuid LANGUAGE sql STABLE {_PATH} AS $$
  SELECT h.id FROM retention_hold h JOIN artifacts_artifact a ON a.id = $1 AND a.organization_id = h.organization_id
   WHERE NOT EXISTS (SELECT 1 FROM retention_holdrelease r WHERE r.hold_id = h.id)
     AND (h.scope = 'organization' OR h.target_id = $1 OR EXISTS (
            SELECT 1 FROM retention_reach(h.target_type, h.target_id) x
              JOIN artifacts_artifactlink l ON l.target_type = x.target_type AND l.target_id = x.target_id
             WHERE l.artifact_id = $1)) $$;
"""  # noqa: S608

HOLDS = f"""
CREATE FUNCTION retention_hold_is_founded() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF btrim(NEW.reason) = '' OR btrim(NEW.matter) = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[H-05] a hold says why it stands and for which matter';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_hold_is_founded BEFORE INSERT ON retention_hold
  FOR EACH ROW EXECUTE FUNCTION retention_hold_is_founded();
ALTER TABLE retention_hold ENABLE ALWAYS TRIGGER retention_hold_is_founded;

CREATE FUNCTION retention_release_by_another() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  -- Requests take the same lock: one person can't release and ask at once in two transactions.
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.organization_id::text, 7402));
  IF EXISTS (SELECT 1 FROM retention_hold h WHERE h.id = NEW.hold_id AND h.set_by_id = NEW.person_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = '[H-02] a hold is released by somebody else than who set it';
  END IF;
  -- Asked before this row is there, so the hold itself still holds.
  IF EXISTS (SELECT 1 FROM retention_disposal d
              WHERE d.requested_by_id = NEW.person_id
                AND NOT EXISTS (SELECT 1 FROM retention_certificate c WHERE c.disposal_id = d.id)
                AND EXISTS (SELECT 1 FROM retention_holding(d.artifact_id) held WHERE held = NEW.hold_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003',
      MESSAGE = '[H-03] who asked to dispose of what a hold keeps does not release it';
  END IF;
  IF btrim(NEW.reason) = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[H-06] the end of a hold has a reason';
  END IF;
  PERFORM retention_require_fresh(NEW.authenticated_at);
  RETURN NEW;
END $$;
CREATE TRIGGER retention_release_by_another BEFORE INSERT ON retention_holdrelease
  FOR EACH ROW EXECUTE FUNCTION retention_release_by_another();
ALTER TABLE retention_holdrelease ENABLE ALWAYS TRIGGER retention_release_by_another;
"""  # noqa: S608

FRESH = f"""
CREATE FUNCTION retention_require_fresh(proved timestamptz) RETURNS void LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF proved IS NULL OR proved < clock_timestamp() - interval '5 minutes' OR proved > clock_timestamp() + interval '1 minute'
  THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = '[Z-08] this needs a fresh proof of who decides';
  END IF;
END $$;
"""

DISPOSALS = f"""
CREATE FUNCTION retention_refuse_held(artifact uuid) RETURNS void LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM retention_holding(artifact)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[H-01] a hold keeps this evidence, so it is not disposed of';
  END IF;
END $$;

CREATE FUNCTION retention_request_not_by_releaser() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF btrim(NEW.reason) = '' OR btrim(NEW.authority) = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[Z-09] a disposal says why, and by what authority';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.organization_id::text, 7402));
  IF EXISTS (SELECT 1 FROM retention_holdrelease r JOIN retention_hold h ON h.id = r.hold_id
              WHERE r.person_id = NEW.requested_by_id AND h.organization_id = NEW.organization_id
                AND (h.scope = 'organization' OR h.target_id = NEW.artifact_id OR EXISTS (
                       SELECT 1 FROM retention_reach(h.target_type, h.target_id) x
                         JOIN artifacts_artifactlink l ON l.target_type = x.target_type AND l.target_id = x.target_id
                        WHERE l.artifact_id = NEW.artifact_id))) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003',
      MESSAGE = '[Z-03] who released a hold on evidence does not ask for its disposal';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_request_not_by_releaser BEFORE INSERT ON retention_disposal
  FOR EACH ROW EXECUTE FUNCTION retention_request_not_by_releaser();

CREATE FUNCTION retention_item_of_its_request() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  -- The decision takes the same lock, so no file slips in between the reading and the decision.
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.disposal_id::text, 7401));
  IF NOT EXISTS (SELECT 1 FROM retention_disposal d JOIN artifacts_artifactversion v ON v.artifact_id = d.artifact_id
                  WHERE d.id = NEW.disposal_id AND v.id = NEW.file_id AND v.sha256 = NEW.sha256 AND v.size = NEW.size)
     OR EXISTS (SELECT 1 FROM retention_disposaldecision x WHERE x.disposal_id = NEW.disposal_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH004',
      MESSAGE = '[Z-01] a disposal names files of its own evidence, all of them before it is decided';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_item_of_its_request BEFORE INSERT ON retention_disposalitem
  FOR EACH ROW EXECUTE FUNCTION retention_item_of_its_request();

CREATE FUNCTION retention_decided_by_another() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE asked retention_disposal;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.disposal_id::text, 7401));
  SELECT * INTO asked FROM retention_disposal d WHERE d.id = NEW.disposal_id;
  IF NEW.verdict = 'withdrawn' THEN
    IF NEW.person_id IS DISTINCT FROM asked.requested_by_id THEN
      RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = '[Z-04] a request is withdrawn by whoever made it';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.person_id IS NOT DISTINCT FROM asked.requested_by_id OR EXISTS (
       SELECT 1 FROM retention_disposalitem i JOIN artifacts_artifactversion v ON v.id = i.file_id
        WHERE i.disposal_id = asked.id AND NEW.person_id IN (v.uploaded_by_id, v.collector_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003',
      MESSAGE = '[Z-02] a disposal is decided by someone who neither asked for it nor brought the files';
  END IF;
  IF NEW.verdict NOT IN ('approved', 'refused') OR btrim(NEW.reason) = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[Z-10] a decision approves or refuses, with a reason';
  END IF;
  PERFORM retention_require_fresh(NEW.authenticated_at);
  IF NEW.verdict = 'approved' THEN PERFORM retention_refuse_held(asked.artifact_id); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_decided_by_another BEFORE INSERT ON retention_disposaldecision
  FOR EACH ROW EXECUTE FUNCTION retention_decided_by_another();

CREATE FUNCTION retention_certificate_of_what_is_gone() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM retention_disposaldecision x WHERE x.disposal_id = NEW.disposal_id AND x.verdict = 'approved')
     OR NOT EXISTS (SELECT 1 FROM retention_disposalitem i WHERE i.disposal_id = NEW.disposal_id)
     OR EXISTS (SELECT 1 FROM retention_disposalitem i JOIN artifacts_artifactversion v ON v.id = i.file_id
                  JOIN vault_blob b ON b.id = v.blob_id WHERE i.disposal_id = NEW.disposal_id AND b.erased_at IS NULL)
     OR NOT EXISTS (SELECT 1 FROM ledger_event e WHERE e.id = NEW.event_id AND e.kind = 'artifact.disposed'
                      AND e.organization_id = NEW.organization_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[Z-07] a certificate stands only for files that an approved disposal erased, with its event';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_certificate_of_what_is_gone BEFORE INSERT ON retention_certificate
  FOR EACH ROW EXECUTE FUNCTION retention_certificate_of_what_is_gone();

CREATE FUNCTION retention_erased_by_disposal() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE file artifacts_artifactversion;
BEGIN
  IF OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL THEN RETURN NEW; END IF;
  SELECT * INTO file FROM artifacts_artifactversion v WHERE v.blob_id = NEW.id;
  IF NOT FOUND THEN
    IF EXISTS (SELECT 1 FROM retention_hold h WHERE h.organization_id = NEW.organization_id AND h.scope = 'organization'
                 AND NOT EXISTS (SELECT 1 FROM retention_holdrelease r WHERE r.hold_id = h.id)) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[H-01] a hold keeps everything, so no file is erased';
    END IF;
    RETURN NEW;
  END IF;
  PERFORM retention_refuse_held(file.artifact_id);
  IF NOT EXISTS (SELECT 1 FROM retention_disposalitem i
                   JOIN retention_disposaldecision x ON x.disposal_id = i.disposal_id AND x.verdict = 'approved'
                  WHERE i.file_id = file.id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[Z-05] evidence is erased only by an approved disposal';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_erased_by_disposal BEFORE UPDATE ON vault_blob
  FOR EACH ROW EXECUTE FUNCTION retention_erased_by_disposal();

CREATE FUNCTION retention_disposed_stays() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF OLD.state = 'disposed' AND (NEW.state <> 'disposed' OR NEW.latest_id IS DISTINCT FROM OLD.latest_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[Z-06] what was disposed of stays a record of its disposal';
  END IF;
  IF NEW.state = 'disposed' AND OLD.state <> 'disposed' AND EXISTS (
       SELECT 1 FROM artifacts_artifactversion v JOIN vault_blob b ON b.id = v.blob_id
        WHERE v.artifact_id = NEW.id AND b.erased_at IS NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[Z-06] evidence counts as disposed of when all its files are';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER retention_disposed_stays BEFORE UPDATE ON artifacts_artifact
  FOR EACH ROW EXECUTE FUNCTION retention_disposed_stays();

ALTER TABLE retention_disposal ENABLE ALWAYS TRIGGER retention_request_not_by_releaser;
ALTER TABLE retention_disposalitem ENABLE ALWAYS TRIGGER retention_item_of_its_request;
ALTER TABLE retention_disposaldecision ENABLE ALWAYS TRIGGER retention_decided_by_another;
ALTER TABLE retention_certificate ENABLE ALWAYS TRIGGER retention_certificate_of_what_is_gone;
ALTER TABLE vault_blob ENABLE ALWAYS TRIGGER retention_erased_by_disposal;
ALTER TABLE artifacts_artifact ENABLE ALWAYS TRIGGER retention_disposed_stays;
"""  # noqa: S608

INSTALL = REACH + HOLDING + FRESH + HOLDS + DISPOSALS
REMOVE = """
DROP TRIGGER retention_disposed_stays ON artifacts_artifact;
DROP FUNCTION retention_disposed_stays();
DROP TRIGGER retention_erased_by_disposal ON vault_blob;
DROP FUNCTION retention_erased_by_disposal();
DROP TRIGGER retention_certificate_of_what_is_gone ON retention_certificate;
DROP FUNCTION retention_certificate_of_what_is_gone();
DROP TRIGGER retention_decided_by_another ON retention_disposaldecision;
DROP FUNCTION retention_decided_by_another();
DROP TRIGGER retention_item_of_its_request ON retention_disposalitem;
DROP FUNCTION retention_item_of_its_request();
DROP TRIGGER retention_request_not_by_releaser ON retention_disposal;
DROP FUNCTION retention_request_not_by_releaser();
DROP FUNCTION retention_refuse_held(uuid);
DROP TRIGGER retention_release_by_another ON retention_holdrelease;
DROP FUNCTION retention_release_by_another();
DROP TRIGGER retention_hold_is_founded ON retention_hold;
DROP FUNCTION retention_hold_is_founded();
DROP FUNCTION retention_require_fresh(timestamptz);
DROP FUNCTION retention_holding(uuid);
DROP FUNCTION retention_reach(text, uuid);
"""
