"""The line below Python for what is restricted: who is let in, and the policies that hide the rest.

`hidden_objects()` answers for the reader of the transaction: nothing for the product itself, all that is restricted
for nobody in particular. It looks at the few open restrictions first, so that a query pays for it once and little.
"""

from portal.access.rulebook.g_grants import FAMILY

refuse = FAMILY.refusal

# Tables with a row of their own for something that hangs on a finding, and the column that says on what.
BY_FINDING = {
    "findings_findingcriterion": "finding_id",
    "findings_findingcontrol": "finding_id",
    "findings_comment": "finding_id",
    "findings_proposal": "finding_id",
    "findings_occurrence": "finding_id",
    "findings_restriction": "finding_id",
    "tasks_plan": "finding_id",
    "tasks_task": "finding_id",
    "tasks_verification": "finding_id",
    "tasks_oweditem": "task_id",
    "tasks_tasknote": "task_id",
    "risk_acceptance": "finding_id",
    "risk_deferral": "finding_id",
    "engagements_scopedfinding": "finding_id",
    "access_findinggrant": "content_object_id",
    "access_findingteamgrant": "content_object_id",
    "approvals_request": "subject_id",
    "approvals_decision": "request_id",
    "approvals_nudge": "request_id",
    "sod_item": "subject_id",
    "sod_hand": "subject_id",
    "ledger_event": "object_id",
    "artifacts_artifact": "id",
    "artifacts_artifactversion": "artifact_id",
    "artifacts_artifactreview": "artifact_id",
    "artifacts_redaction": "artifact_id",
    "artifacts_scan": "scanned_id",
    "artifacts_personalcheck": "checked_id",
    "retention_classification": "artifact_id",
    "retention_proposal": "artifact_id",
    "retention_disposal": "artifact_id",
}
BY_TWO = {
    "findings_findinglink": ("finding_id", "other_id"),
    "artifacts_artifactlink": ("artifact_id", "target_id"),
}

LIVE = "g.revoked_at IS NULL AND g.valid_from <= clock_timestamp() AND g.valid_until > clock_timestamp()"

SEEN = f"""
CREATE FUNCTION findings_let_in_for(who uuid) RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.finding_id FROM findings_restriction r
   WHERE r.organization_id = (SELECT current_organization()) AND r.lifted_at IS NULL AND (
     r.by_id = who
     OR EXISTS (SELECT FROM findings_finding f WHERE f.id = r.finding_id AND (f.owner_id = who OR f.assignee_id = who))
     OR EXISTS (SELECT FROM tasks_task t WHERE t.finding_id = r.finding_id AND t.assignee_id = who)
     OR EXISTS (SELECT FROM access_findinggrant g JOIN accounts_account a ON a.id = g.user_id
                 WHERE g.content_object_id = r.finding_id AND a.person_id = who AND a.is_active AND {LIVE})
     OR EXISTS (SELECT FROM access_findingteamgrant g JOIN access_team t ON t.id = g.team_id AND t.ended_at IS NULL
                  JOIN access_teammember m ON m.team_id = g.team_id
                 WHERE g.content_object_id = r.finding_id AND m.person_id = who AND m.starts_at <= clock_timestamp()
                   AND (m.ends_at IS NULL OR m.ends_at > clock_timestamp()) AND {LIVE})) $$;

CREATE FUNCTION findings_let_in() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  viewer uuid := nullif(current_setting('app.viewer', true), '')::uuid;
BEGIN
  IF current_setting('app.system', true) = 'on' THEN
    RETURN ARRAY(SELECT r.finding_id FROM findings_restriction r
                  WHERE r.organization_id = (SELECT current_organization()) AND r.lifted_at IS NULL);
  END IF;
  IF viewer IS NULL THEN
    RETURN ARRAY(SELECT findings_let_in_for(current_person()));
  END IF;
  -- Who looks through another's eyes sees what both are let in to.
  RETURN ARRAY(SELECT findings_let_in_for(current_person()) INTERSECT SELECT findings_let_in_for(viewer));
END $$;

CREATE OR REPLACE FUNCTION hidden_objects() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  hidden uuid[];
BEGIN
  IF current_setting('app.system', true) = 'on' THEN RETURN '{{}}'; END IF;
  hidden := ARRAY(SELECT r.finding_id FROM findings_restriction r
                   WHERE r.organization_id = (SELECT current_organization()) AND r.lifted_at IS NULL
                     AND r.finding_id <> ALL ((SELECT findings_let_in())::uuid[]));
  IF cardinality(hidden) = 0 THEN RETURN hidden; END IF;
  hidden := hidden || ARRAY(SELECT t.id FROM tasks_task t WHERE t.finding_id = ANY (hidden))
    || ARRAY(SELECT p.id FROM tasks_plan p WHERE p.finding_id = ANY (hidden))
    || ARRAY(SELECT a.id FROM risk_acceptance a WHERE a.finding_id = ANY (hidden))
    || ARRAY(SELECT d.id FROM risk_deferral d WHERE d.finding_id = ANY (hidden));
  -- Evidence that serves nothing else is hidden with what it serves.
  hidden := hidden || ARRAY(SELECT q.id FROM approvals_request q WHERE q.subject_id = ANY (hidden))
    || ARRAY(SELECT DISTINCT l.artifact_id FROM artifacts_artifactlink l WHERE l.target_id = ANY (hidden)
              AND NOT EXISTS (SELECT FROM artifacts_artifactlink o
                               WHERE o.artifact_id = l.artifact_id AND o.target_id <> ALL (hidden)));
  RETURN hidden || ARRAY(SELECT v.id FROM artifacts_artifactversion v WHERE v.artifact_id = ANY (hidden));
END $$;

CREATE FUNCTION findings_seen_by(wanted uuid, who uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM findings_restriction r WHERE r.finding_id = wanted AND r.lifted_at IS NULL)
    THEN EXISTS (SELECT FROM findings_let_in_for(who) AS l(id) WHERE l.id = wanted) ELSE true END $$;

-- How many, never which: a package says how much it leaves out.
CREATE FUNCTION findings_restricted_in(engagement uuid) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT count(*) FROM engagements_scopedfinding s JOIN findings_finding f ON f.id = s.finding_id
   WHERE s.engagement_id = engagement AND f.is_restricted $$;

REVOKE EXECUTE ON FUNCTION findings_let_in_for(uuid), findings_let_in(), hidden_objects(),
  findings_seen_by(uuid, uuid), findings_restricted_in(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION findings_let_in_for(uuid), findings_let_in(), hidden_objects(),
  findings_seen_by(uuid, uuid), findings_restricted_in(uuid) TO clearhold_app, clearhold_auditor;
"""  # noqa: S608
REMOVE_SEEN = """
DROP FUNCTION findings_restricted_in(uuid);
DROP FUNCTION findings_seen_by(uuid, uuid);
CREATE OR REPLACE FUNCTION hidden_objects() RETURNS uuid[] LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp AS $$ SELECT '{}'::uuid[] $$;
GRANT EXECUTE ON FUNCTION hidden_objects() TO PUBLIC;
DROP FUNCTION findings_let_in();
DROP FUNCTION findings_let_in_for(uuid);
"""

_HIDDEN = "((SELECT hidden_objects())::uuid[])"
# The mark on the row comes first: for nearly every row nothing else is asked.
FINDING_POLICY = """
CREATE POLICY need_to_know ON findings_finding AS RESTRICTIVE TO clearhold_app, clearhold_auditor
  USING (NOT is_restricted OR id = ANY ((SELECT findings_let_in())::uuid[]));
"""
TWO_POLICIES = "".join(
    f"CREATE POLICY need_to_know ON {table} AS RESTRICTIVE TO clearhold_app, clearhold_auditor"
    f" USING ({one} <> ALL ({_HIDDEN}) AND {other} <> ALL ({_HIDDEN}));\n"
    for table, (one, other) in BY_TWO.items()
)
TEXT_POLICY = f"""
CREATE POLICY need_to_know ON ledger_eventtext AS RESTRICTIVE TO clearhold_app, clearhold_auditor
  USING (cardinality({_HIDDEN}) = 0 OR EXISTS (SELECT FROM ledger_event e WHERE e.id = event_id));
"""
POLICIES = FINDING_POLICY + TWO_POLICIES + TEXT_POLICY
REMOVE_POLICIES = "".join(
    f"DROP POLICY need_to_know ON {table};\n" for table in ("ledger_eventtext", *BY_TWO, "findings_finding")
)

# Grants and teams: the same refusals as in services.py.
GRANTS = f"""
CREATE FUNCTION access_guard_grant() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(OLD) - ARRAY['revoked_at', 'revoked_by_id', 'valid_until']
       IS DISTINCT FROM to_jsonb(NEW) - ARRAY['revoked_at', 'revoked_by_id', 'valid_until']
       OR NEW.valid_until > OLD.valid_until
       OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN
      {refuse("G-06")}
    END IF;
    RETURN NEW;
  END IF;
  -- Five minutes are what two clocks may differ by.
  IF NEW.valid_from < clock_timestamp() - interval '5 minutes' THEN {refuse("G-02")} END IF;
  IF NEW.valid_until <= NEW.valid_from OR NEW.valid_until <= clock_timestamp() THEN {refuse("G-03")} END IF;
  IF TG_TABLE_NAME = 'access_findinggrant' THEN
    IF EXISTS (SELECT FROM accounts_account a WHERE a.id = (to_jsonb(NEW) ->> 'user_id')::uuid
                AND a.person_id = NEW.granted_by_id) THEN {refuse("G-01")} END IF;
  ELSIF EXISTS (SELECT FROM access_team t WHERE t.id = (to_jsonb(NEW) ->> 'team_id')::uuid
                 AND t.ended_at IS NOT NULL) THEN {refuse("G-11")}
  END IF;
  IF NOT findings_seen_by(NEW.content_object_id, NEW.granted_by_id) THEN {refuse("G-07")} END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION access_guard_removal() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$ BEGIN {refuse("G-06")} END $$;

CREATE FUNCTION access_guard_team() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
     AND to_jsonb(OLD) - 'ended_at' = to_jsonb(NEW) - 'ended_at' THEN
    RETURN NEW;
  END IF;
  {refuse("G-10")}
END $$;

CREATE FUNCTION access_guard_member() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(OLD) - ARRAY['ends_at', 'ended_by_id'] IS DISTINCT FROM to_jsonb(NEW) - ARRAY['ends_at', 'ended_by_id']
       OR NEW.ends_at IS NULL OR NEW.ends_at > coalesce(OLD.ends_at, 'infinity')
       OR OLD.ends_at <= clock_timestamp() - interval '5 minutes' THEN
      {refuse("G-10")}
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' THEN {refuse("G-10")} END IF;
  IF NEW.person_id = NEW.added_by_id THEN {refuse("G-08")} END IF;
  IF NEW.starts_at < clock_timestamp() - interval '5 minutes' THEN {refuse("G-09")} END IF;
  IF EXISTS (SELECT FROM access_team t WHERE t.id = NEW.team_id AND t.ended_at IS NOT NULL) THEN
    {refuse("G-11")}
  END IF;
  RETURN NEW;
END $$;
"""  # noqa: S608
GRANTS += "".join(
    f"""
CREATE TRIGGER {table}_guard BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_guard;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
"""
    for table, when, function in (
        ("access_findinggrant", "INSERT OR UPDATE", "access_guard_grant"),
        ("access_findingteamgrant", "INSERT OR UPDATE", "access_guard_grant"),
        ("access_team", "UPDATE OR DELETE", "access_guard_team"),
        ("access_teammember", "INSERT OR UPDATE OR DELETE", "access_guard_member"),
    )
) + "".join(
    f"""
CREATE TRIGGER {table}_stays BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION access_guard_removal();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_stays;
"""
    for table in ("access_findinggrant", "access_findingteamgrant")
)  # fmt: skip
REMOVE_GRANTS = (
    "".join(f"DROP TRIGGER {table}_stays ON {table};\n" for table in ("access_findinggrant", "access_findingteamgrant"))
    + "".join(
        f"DROP TRIGGER {table}_guard ON {table}; DROP TRIGGER {table}_no_truncate ON {table};\n"
        for table in ("access_findinggrant", "access_findingteamgrant", "access_team", "access_teammember")
    )
    + """
DROP FUNCTION access_guard_member();
DROP FUNCTION access_guard_team();
DROP FUNCTION access_guard_removal();
DROP FUNCTION access_guard_grant();
"""
)

# A hold and a kept-back original bind also who isn't let in to what they are about: these look with the owner's eyes.
ALL_SEEING = """
ALTER FUNCTION retention_reach(text, uuid) SECURITY DEFINER;
ALTER FUNCTION retention_holding(uuid) SECURITY DEFINER;
ALTER FUNCTION retention_request_not_by_releaser() SECURITY DEFINER;
ALTER FUNCTION retention_release_by_another() SECURITY DEFINER;
ALTER FUNCTION artifacts_is_kept_back(uuid) SECURITY DEFINER;
"""
REMOVE_ALL_SEEING = ALL_SEEING.replace("SECURITY DEFINER", "SECURITY INVOKER")
