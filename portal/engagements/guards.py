"""The line below Python for engagements: nobody lets themselves in, and no member of staff reads as an auditor."""

INSTALL = """
CREATE FUNCTION engagements_grant_is_for_an_auditor() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
DECLARE grantee uuid;
BEGIN
  SELECT person_id INTO grantee FROM accounts_account WHERE id = NEW.user_id;
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(OLD) - ARRAY['revoked_at', 'revoked_by_id', 'valid_until']
       IS DISTINCT FROM to_jsonb(NEW) - ARRAY['revoked_at', 'revoked_by_id', 'valid_until']
       OR NEW.valid_until > OLD.valid_until OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH001',
        MESSAGE = 'append-only: a grant can only be ended or shortened; give a new one instead';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.granted_by_id = grantee THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = '[ENG-1] nobody grants an engagement to themselves';
  END IF;
  IF EXISTS (SELECT 1 FROM accounts_membership m WHERE m.person_id = grantee
             AND m.organization_id = NEW.organization_id AND m.role <> 'auditor' AND m.ended_at IS NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005',
      MESSAGE = '[ENG-2] a member of staff of this organization may not read as its auditor';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER engagements_grant_is_for_an_auditor BEFORE INSERT OR UPDATE ON engagements_engagementgrant
  FOR EACH ROW EXECUTE FUNCTION engagements_grant_is_for_an_auditor();
ALTER TABLE engagements_engagementgrant ENABLE ALWAYS TRIGGER engagements_grant_is_for_an_auditor;

CREATE FUNCTION engagements_released_stays() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF OLD.released_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = format('append-only: what was released to auditors stays released, so %s is refused', TG_OP);
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER engagements_released_finding_stays BEFORE UPDATE OR DELETE ON engagements_scopedfinding
  FOR EACH ROW EXECUTE FUNCTION engagements_released_stays();
CREATE TRIGGER engagements_released_control_stays BEFORE UPDATE OR DELETE ON engagements_scopedcontrol
  FOR EACH ROW EXECUTE FUNCTION engagements_released_stays();
ALTER TABLE engagements_scopedfinding ENABLE ALWAYS TRIGGER engagements_released_finding_stays;
ALTER TABLE engagements_scopedcontrol ENABLE ALWAYS TRIGGER engagements_released_control_stays;
"""
REMOVE = """
DROP TRIGGER engagements_released_control_stays ON engagements_scopedcontrol;
DROP TRIGGER engagements_released_finding_stays ON engagements_scopedfinding;
DROP FUNCTION engagements_released_stays();
DROP TRIGGER engagements_grant_is_for_an_auditor ON engagements_engagementgrant;
DROP FUNCTION engagements_grant_is_for_an_auditor();
"""

# What a hold on a finding or an engagement keeps; the floor below knows nothing of either.
REACH = """
CREATE OR REPLACE FUNCTION retention_reach(kind text, target uuid) RETURNS TABLE (target_type text, target_id uuid)
  LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH finding AS (
    SELECT $2 AS id WHERE $1 = 'findings.finding'
    UNION SELECT s.finding_id FROM engagements_scopedfinding s WHERE $1 = 'engagements.engagement' AND s.engagement_id = $2
  ), control AS (
    SELECT s.control_id AS id FROM engagements_scopedcontrol s WHERE $1 = 'engagements.engagement' AND s.engagement_id = $2
  )
  SELECT $1, $2
  UNION SELECT 'findings.finding', f.id FROM finding f
  UNION SELECT 'tasks.task', t.id FROM tasks_task t JOIN finding f ON f.id = t.finding_id
  UNION SELECT 'controls.control', c.id FROM control c
  UNION SELECT 'monitoring.run', r.id FROM monitoring_run r JOIN control c ON c.id = r.control_id $$;

CREATE FUNCTION engagements_held_scope_stays() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM retention_hold h WHERE h.scope = 'engagement' AND h.target_id = OLD.engagement_id
               AND NOT EXISTS (SELECT 1 FROM retention_holdrelease r WHERE r.hold_id = h.id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[H-04] a hold keeps this engagement, so nothing leaves its scope until the hold is released';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER engagements_held_finding_stays BEFORE DELETE ON engagements_scopedfinding
  FOR EACH ROW EXECUTE FUNCTION engagements_held_scope_stays();
CREATE TRIGGER engagements_held_control_stays BEFORE DELETE ON engagements_scopedcontrol
  FOR EACH ROW EXECUTE FUNCTION engagements_held_scope_stays();
ALTER TABLE engagements_scopedfinding ENABLE ALWAYS TRIGGER engagements_held_finding_stays;
ALTER TABLE engagements_scopedcontrol ENABLE ALWAYS TRIGGER engagements_held_control_stays;
"""
REMOVE_REACH = """
DROP TRIGGER engagements_held_control_stays ON engagements_scopedcontrol;
DROP TRIGGER engagements_held_finding_stays ON engagements_scopedfinding;
DROP FUNCTION engagements_held_scope_stays();
CREATE OR REPLACE FUNCTION retention_reach(kind text, target uuid) RETURNS TABLE (target_type text, target_id uuid)
  LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$ SELECT $1, $2 $$;
"""
