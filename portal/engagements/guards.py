"""The line below Python for engagements: nobody lets themselves in, and no member of staff reads as an auditor."""

from portal.access.rulebook.g_grants import FAMILY

refuse = FAMILY.refusal

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

# Who may be let in to an engagement, and until when. What is handed over is never more than what was promised.
GRANTS = f"""
CREATE FUNCTION engagements_ends(engagement uuid) RETURNS date LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(e.access_ends_on, e.period_end + 365) FROM engagements_engagement e WHERE e.id = engagement $$;

CREATE FUNCTION engagements_has_other_role(person uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM accounts_membership m WHERE m.person_id = person
                  AND m.organization_id = (SELECT current_organization()) AND m.role <> 'auditor'
                  AND m.ended_at IS NULL) $$;

CREATE OR REPLACE FUNCTION engagements_grant_is_for_an_auditor() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  given jsonb := to_jsonb(NEW);
  grantee uuid;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(OLD) - ARRAY['revoked_at', 'revoked_by_id', 'valid_until']
       IS DISTINCT FROM given - ARRAY['revoked_at', 'revoked_by_id', 'valid_until']
       OR NEW.valid_until > OLD.valid_until
       OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN
      {refuse("G-06")}
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' THEN {refuse("G-06")} END IF;
  IF NEW.valid_from < clock_timestamp() - interval '5 minutes' THEN {refuse("G-02")} END IF;
  IF NEW.valid_until <= NEW.valid_from OR NEW.valid_until <= clock_timestamp() THEN {refuse("G-03")} END IF;
  -- The day ends last in the westernmost zone: which zone the organization counts in is asked above.
  IF NEW.valid_until > (engagements_ends(NEW.content_object_id) + 1)::timestamp AT TIME ZONE 'Etc/GMT+12' THEN
    {refuse("G-04")}
  END IF;
  IF TG_TABLE_NAME = 'engagements_engagementgrant' THEN
    SELECT a.person_id INTO grantee FROM accounts_account a WHERE a.id = (given ->> 'user_id')::uuid;
    IF NEW.granted_by_id = grantee THEN {refuse("G-01")} END IF;
    IF engagements_has_other_role(grantee) THEN {refuse("G-05")} END IF;
  ELSE
    IF EXISTS (SELECT FROM access_team t WHERE t.id = (given ->> 'team_id')::uuid AND t.ended_at IS NOT NULL) THEN
      {refuse("G-11")}
    END IF;
    IF EXISTS (SELECT FROM access_teammember m WHERE m.team_id = (given ->> 'team_id')::uuid
                AND (m.ends_at IS NULL OR m.ends_at > clock_timestamp())
                AND engagements_has_other_role(m.person_id)) THEN {refuse("G-05")} END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION engagements_team_stays_outside() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF engagements_has_other_role(NEW.person_id) AND EXISTS (
    SELECT FROM engagements_engagementteamgrant g
     WHERE g.team_id = NEW.team_id AND g.revoked_at IS NULL AND g.valid_until > clock_timestamp()) THEN
    {refuse("G-05")}
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER engagements_team_grant_guard BEFORE INSERT OR UPDATE OR DELETE ON engagements_engagementteamgrant
  FOR EACH ROW EXECUTE FUNCTION engagements_grant_is_for_an_auditor();
CREATE TRIGGER engagements_grant_stays BEFORE DELETE ON engagements_engagementgrant
  FOR EACH ROW EXECUTE FUNCTION engagements_grant_is_for_an_auditor();
CREATE TRIGGER engagements_team_stays_outside BEFORE INSERT ON access_teammember
  FOR EACH ROW EXECUTE FUNCTION engagements_team_stays_outside();
ALTER TABLE engagements_engagementteamgrant ENABLE ALWAYS TRIGGER engagements_team_grant_guard;
ALTER TABLE engagements_engagementgrant ENABLE ALWAYS TRIGGER engagements_grant_stays;
ALTER TABLE access_teammember ENABLE ALWAYS TRIGGER engagements_team_stays_outside;
"""  # noqa: S608
REMOVE_GRANTS = """
DROP TRIGGER engagements_team_stays_outside ON access_teammember;
DROP TRIGGER engagements_grant_stays ON engagements_engagementgrant;
DROP TRIGGER engagements_team_grant_guard ON engagements_engagementteamgrant;
DROP FUNCTION engagements_team_stays_outside();
DROP FUNCTION engagements_has_other_role(uuid);
DROP FUNCTION engagements_ends(uuid);
"""

# An auditor's connection sees the engagements that this person's grants open at this moment, and what hangs on them.
# Staff who look through somebody's eyes read through the same role: then no grant is asked.
SCOPED = """
CREATE FUNCTION engagements_open() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN ARRAY(
    SELECT g.content_object_id FROM engagements_engagementgrant g JOIN accounts_account a ON a.id = g.user_id
     WHERE a.person_id = current_person() AND a.is_active AND g.revoked_at IS NULL
       AND g.valid_from <= clock_timestamp() AND g.valid_until > clock_timestamp()
    UNION ALL
    SELECT g.content_object_id FROM engagements_engagementteamgrant g
      JOIN access_team t ON t.id = g.team_id AND t.ended_at IS NULL
      JOIN access_teammember m ON m.team_id = g.team_id AND m.person_id = current_person()
     WHERE m.starts_at <= clock_timestamp() AND (m.ends_at IS NULL OR m.ends_at > clock_timestamp())
       AND g.revoked_at IS NULL AND g.valid_from <= clock_timestamp() AND g.valid_until > clock_timestamp());
END $$;
REVOKE EXECUTE ON FUNCTION engagements_open() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION engagements_open() TO clearhold_app, clearhold_auditor;
CREATE POLICY open_to_auditor ON engagements_engagement AS RESTRICTIVE FOR SELECT TO clearhold_auditor
  USING ((SELECT current_setting('app.viewer', true) <> '') OR id = ANY ((SELECT engagements_open())::uuid[]));
CREATE POLICY open_to_auditor ON engagements_scopedfinding AS RESTRICTIVE FOR SELECT TO clearhold_auditor
  USING ((SELECT current_setting('app.viewer', true) <> '')
    OR (released_at IS NOT NULL AND engagement_id = ANY ((SELECT engagements_open())::uuid[])));
CREATE POLICY open_to_auditor ON engagements_scopedcontrol AS RESTRICTIVE FOR SELECT TO clearhold_auditor
  USING ((SELECT current_setting('app.viewer', true) <> '')
    OR (released_at IS NOT NULL AND engagement_id = ANY ((SELECT engagements_open())::uuid[])));
"""
REMOVE_SCOPED = """
DROP POLICY open_to_auditor ON engagements_scopedcontrol;
DROP POLICY open_to_auditor ON engagements_scopedfinding;
DROP POLICY open_to_auditor ON engagements_engagement;
DROP FUNCTION engagements_open();
"""
