"""SQL that lets a policy or an exception stand only by its granted request, above the floor, by people who gain nothing."""

from remediation.sod.rulebook import q_policy, w_exceptions

_PATH = "SET search_path = pg_catalog, public, pg_temp"
_q, _w = q_policy.FAMILY.refusal, w_exceptions.FAMILY.refusal
POLICY_ACTION, WAIVER_ACTION = "policy.change", "sod.waive"
# Rules between two duties of the work. An exception from any other would undo what keeps the judges honest.
WAIVABLE = (
    "S-02", "S-03", "S-04", "S-05", "S-06", "S-07", "S-08", "S-09", "S-10", "S-11", "S-12", "S-13", "S-14", "S-15",
    "S-16", "S-38", "Q-03",
)  # fmt: skip

READS = f"""
-- What the change loosens and tightens, as numbers of rules.
CREATE OR REPLACE FUNCTION policies_loosened(old jsonb, new jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog AS $$
  SELECT coalesce(array_agg(n), '{{}}') FROM (
    SELECT jsonb_array_elements_text(coalesce($2 -> 'allow', '[]')) EXCEPT
    SELECT jsonb_array_elements_text(coalesce($1 -> 'allow', '[]'))
    UNION (SELECT jsonb_array_elements_text(coalesce($1 -> 'forbid', '[]')) EXCEPT
           SELECT jsonb_array_elements_text(coalesce($2 -> 'forbid', '[]')))) AS found (n) $$;

-- Who could do or hold what they can't now: by their hands on items that still live, by a role that may meet another
-- again, by an open request that would need fewer people.
CREATE OR REPLACE FUNCTION policies_gains(organization uuid, old_sod jsonb, new_sod jsonb, old_quorum jsonb,
                                          new_quorum jsonb)
RETURNS TABLE (person uuid, kind text, number text, wanted text, items int) LANGUAGE sql STABLE {_PATH} AS $$
  WITH live AS (
    SELECT 'findings.finding'::text AS type, f.id, f.cycle FROM public.findings_finding f
     WHERE f.organization_id = $1 AND f.state NOT IN ('closed', 'rejected')
    UNION
    SELECT r.subject_type::text, r.subject_id, r.cycle FROM public.approvals_request r
     WHERE r.organization_id = $1 AND r.state = 'open'
  )
  SELECT h.person_id, 'duty', r.number::text, r.wanted::text, count(DISTINCT h.subject_id)::int
    FROM public.sod_rule r
    JOIN public.sod_hand h ON h.organization_id = $1 AND h.duty = r.held
    JOIN live ON live.id = h.subject_id AND live.cycle = h.cycle AND live.type = h.subject_type
   WHERE r.matrix_version = sod_matrix_version() AND r.number = ANY (policies_loosened($2, $3))
     AND EXISTS (SELECT 1 FROM public.accounts_membership m
                  WHERE m.organization_id = $1 AND m.person_id = h.person_id AND m.role = ANY (sod_taken_by(r.wanted))
                    AND m.starts_at <= clock_timestamp() AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp()))
   GROUP BY h.person_id, r.number, r.wanted
  UNION ALL
  SELECT DISTINCT m.person_id, 'roles', 'R-01', pair.roles ->> 0 || ' and ' || (pair.roles ->> 1), 1
    FROM jsonb_array_elements(coalesce($2 -> 'toxic_roles', '[]')) AS pair (roles)
    JOIN public.accounts_membership m ON m.organization_id = $1 AND pair.roles ? m.role
     AND m.starts_at <= clock_timestamp() AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
   WHERE NOT coalesce($3 -> 'toxic_roles', '[]') @> jsonb_build_array(pair.roles)
  UNION ALL
  SELECT r.requested_by_id, 'quorum', '', a.quorum::text, count(*)::int
    FROM public.approvals_request r JOIN public.approvals_action a ON a.action = r.action
   WHERE r.organization_id = $1 AND r.state = 'open'
     AND ((old_quorum #>> ARRAY[a.quorum, coalesce(nullif(r.severity, ''), 'critical'), 'needed'])::int
            > (new_quorum #>> ARRAY[a.quorum, coalesce(nullif(r.severity, ''), 'critical'), 'needed'])::int
          OR (old_quorum #>> ARRAY[a.quorum, coalesce(nullif(r.severity, ''), 'critical'), 'distinct_departments'])::bool
             AND NOT (new_quorum #>> ARRAY[a.quorum, coalesce(nullif(r.severity, ''), 'critical'),
                                           'distinct_departments'])::bool)
   GROUP BY r.requested_by_id, a.quorum $$;

-- How many people may decide a request by their role and their hands, and from how many departments, under a policy.
CREATE OR REPLACE FUNCTION policies_deciders(request uuid, policy jsonb, OUT people int, OUT places int)
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT count(DISTINCT accounts_first_of(w.person))::int,
         count(DISTINCT nullif(place.department, ''))::int
    FROM public.approvals_request r JOIN public.approvals_action a ON a.action = r.action
   CROSS JOIN LATERAL sod_who_may(r.organization_id, r.subject_type, r.subject_id, r.cycle, a.duty,
                                  coalesce(sod_severity(r.subject_type, r.subject_id), r.severity),
                                  r.requested_by_id, NULL, $2) AS w
   CROSS JOIN LATERAL unnest(w.roles, w.departments) AS place (role, department)
   WHERE r.id = $1 AND w.is_active AND (w.number IS NULL OR w.waiver IS NOT NULL) AND a.roles ? place.role $$;

-- Open requests that can be decided by the rules of today and by nobody under the proposed ones.
CREATE OR REPLACE FUNCTION policies_orphans(organization uuid, old_sod jsonb, new_sod jsonb, new_quorum jsonb)
RETURNS TABLE (request uuid, ref text, word text) LANGUAGE sql STABLE {_PATH} AS $$
  SELECT r.id, r.subject_ref::text, a.word::text
    FROM public.approvals_request r JOIN public.approvals_action a ON a.action = r.action
   CROSS JOIN LATERAL policies_deciders(r.id, $2) AS before
   CROSS JOIN LATERAL policies_deciders(r.id, $3) AS after
   CROSS JOIN LATERAL (SELECT
       coalesce(($4 #>> ARRAY[a.quorum, coalesce(nullif(r.severity, ''), 'critical'), 'needed'])::int, r.needed::int),
       coalesce(($4 #>> ARRAY[a.quorum, coalesce(nullif(r.severity, ''), 'critical'), 'distinct_departments'])::bool,
                r.distinct_departments)) AS quorum (needed, distinct_departments)
   WHERE r.organization_id = $1 AND r.state = 'open' AND r.subject_type <> 'policies.proposal'
     AND before.people >= r.needed AND (NOT r.distinct_departments OR before.places >= r.needed)
     AND NOT (after.people >= quorum.needed AND (NOT quorum.distinct_departments OR after.places >= quorum.needed))
   ORDER BY r.id $$;

-- The fewest people, and departments, that any request of a part of the quorum could ever find.
CREATE OR REPLACE FUNCTION policies_eligible(organization uuid, part text, OUT people int, OUT places int)
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce(min(found.people), 0)::int, coalesce(min(found.places), 0)::int
    FROM public.approvals_action a
   CROSS JOIN LATERAL (
     SELECT count(DISTINCT accounts_first_of(m.person_id)) AS people,
            count(DISTINCT nullif(m.department, '')) AS places
       FROM public.accounts_membership m
      WHERE m.organization_id = $1 AND a.roles ? m.role::text AND m.starts_at <= clock_timestamp()
        AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
        AND EXISTS (SELECT 1 FROM public.accounts_account o WHERE o.person_id = m.person_id AND o.is_active)) AS found
   WHERE a.quorum = $2 $$;

CREATE OR REPLACE FUNCTION policies_carries(organization uuid, person uuid) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.sod_waiver w WHERE w.organization_id = $1 AND accounts_is_same(w.person_id, $2)
                    AND w.ended_at IS NULL AND w.ends_at > clock_timestamp()) $$;
"""  # noqa: S608

POLICY = f"""
CREATE OR REPLACE FUNCTION policies_refuse_policy() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  asked public.approvals_request%ROWTYPE;
  about jsonb;
  old_sod jsonb;
  old_quorum jsonb;
  one record;
  able record;
  own jsonb;
BEGIN
  IF NEW.kind NOT IN ('sod', 'quorum') THEN RETURN NEW; END IF;
  SELECT * INTO asked FROM public.approvals_request r
   WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id AND r.state = 'granted'
     AND r.action = '{POLICY_ACTION}';
  IF NOT FOUND THEN
    {_q("Q-01")}
  END IF;
  about := convert_from(asked.content, 'UTF8')::jsonb -> 'content';
  IF about #> ARRAY['policies', NEW.kind] IS DISTINCT FROM NEW.body
     OR (about #>> ARRAY['base', NEW.kind])::int IS DISTINCT FROM NEW.version - 1
     OR NEW.version <> sod_policy_version(NEW.organization_id, NEW.kind) + 1 THEN
    {_q("Q-01")}
  END IF;
  old_sod := sod_policy(NEW.organization_id);
  old_quorum := coalesce((SELECT p.body FROM public.organizations_policy p WHERE p.organization_id = NEW.organization_id
                           AND p.kind = 'quorum' ORDER BY p.version DESC LIMIT 1), '{{}}'::jsonb);
  IF NEW.kind = 'sod' THEN
    IF NEW.body ->> 'allow_conditional' IS NOT NULL
       OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(coalesce(NEW.body -> 'allow', '[]')) AS n (number)
                   WHERE NOT EXISTS (SELECT 1 FROM public.sod_rule r WHERE r.number = n.number AND r.verdict = 'C'
                                      AND r.matrix_version = sod_matrix_version()))
       OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(coalesce(NEW.body -> 'forbid', '[]')) AS n (number)
                   WHERE NOT EXISTS (SELECT 1 FROM public.sod_rule r WHERE r.number = n.number AND r.verdict = 'Y'
                                      AND r.matrix_version = sod_matrix_version())) THEN
      {_q("Q-02")}
    END IF;
    IF EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(NEW.body -> 'toxic_roles', '[]')) AS pair (roles)
                 JOIN public.accounts_membership m ON m.organization_id = NEW.organization_id AND pair.roles ->> 0 = m.role
                 JOIN public.accounts_membership n ON n.organization_id = NEW.organization_id AND pair.roles ->> 1 = n.role
                  AND accounts_is_same(m.person_id, n.person_id)
                WHERE m.ended_at IS NULL AND n.ended_at IS NULL) THEN
      {_q("Q-08")}
    END IF;
  ELSE
    FOR one IN SELECT part.key AS part, level.key AS severity, (level.value ->> 'needed')::int AS needed,
                      (level.value ->> 'distinct_departments')::bool AS places
                 FROM jsonb_each(NEW.body) AS part CROSS JOIN LATERAL jsonb_each(
                   CASE jsonb_typeof(part.value) WHEN 'object' THEN part.value ELSE '{{}}'::jsonb END) AS level LOOP
      IF NOT policies_quorum_waived(NEW.organization_id)
         AND (one.needed < approvals_floor(one.part, one.severity)
              OR NOT one.places AND one.part = 'closure' AND one.severity = 'critical') OR one.needed < 1 THEN
        {_q("Q-03")}
      END IF;
      SELECT * INTO able FROM policies_eligible(NEW.organization_id, one.part);
      IF one.needed > greatest(able.people, approvals_floor(one.part, one.severity))
         OR one.places AND one.needed > greatest(able.places, approvals_floor(one.part, one.severity)) THEN
        {_q("Q-04")}
      END IF;
    END LOOP;
    IF coalesce((NEW.body ->> 'votes_expire_days')::int, 14) NOT BETWEEN 1 AND 14 THEN
      {_q("Q-03")}
    END IF;
  END IF;
  -- Whoever decided gains nothing, judged now and not when it was asked.
  IF EXISTS (SELECT 1 FROM public.approvals_decision d
               JOIN policies_gains(NEW.organization_id, old_sod,
                      CASE NEW.kind WHEN 'sod' THEN NEW.body ELSE old_sod END, old_quorum,
                      CASE NEW.kind WHEN 'quorum' THEN NEW.body ELSE old_quorum END) AS g
                 ON accounts_is_same(g.person, d.person_id)
              WHERE d.request_id = asked.id AND d.verdict = 'approve') THEN
    {_q("Q-05")}
  END IF;
  IF policies_carries(NEW.organization_id, asked.requested_by_id)
     OR EXISTS (SELECT 1 FROM public.approvals_decision d
                 WHERE d.request_id = asked.id AND policies_carries(NEW.organization_id, d.person_id)) THEN
    {_q("Q-06")}
  END IF;
  IF EXISTS (SELECT 1 FROM policies_orphans(NEW.organization_id, old_sod,
               CASE NEW.kind WHEN 'sod' THEN NEW.body ELSE old_sod END,
               CASE NEW.kind WHEN 'quorum' THEN NEW.body ELSE old_quorum END)) THEN
    {_q("Q-07")}
  END IF;
  RETURN NEW;
END $$;
"""  # noqa: S608
POLICY_TRIGGER = """
CREATE TRIGGER policies_refuse_policy BEFORE INSERT ON organizations_policy
  FOR EACH ROW EXECUTE FUNCTION policies_refuse_policy();
ALTER TABLE organizations_policy ENABLE ALWAYS TRIGGER policies_refuse_policy;
"""

WAIVER = f"""
CREATE OR REPLACE FUNCTION policies_quorum_waived(organization uuid) RETURNS boolean LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.sod_waiver w WHERE w.organization_id = $1 AND 'Q-03' = ANY (w.rules)
                    AND w.ended_at IS NULL AND w.starts_at <= clock_timestamp() AND w.ends_at > clock_timestamp())
         AND sod_able($1, 'approver') < 3 $$;

-- A rule has two directions; an exception is for the duty that somebody wants, so the smaller team counts.
CREATE OR REPLACE FUNCTION policies_team(organization uuid, number text) RETURNS int LANGUAGE sql STABLE {_PATH} AS $$
  SELECT CASE WHEN $2 = 'Q-03' THEN sod_able($1, 'approver')
    ELSE (SELECT min(sod_able($1, r.wanted)) FROM public.sod_rule r
           WHERE r.number = $2 AND r.matrix_version = sod_matrix_version()) END $$;

CREATE OR REPLACE FUNCTION policies_refuse_waiver() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  asked public.approvals_request%ROWTYPE;
  about jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - 'ended_at' - 'ended_by_id' - 'ended_why' <> to_jsonb(OLD) - 'ended_at' - 'ended_by_id' - 'ended_why'
       OR OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL THEN
      {_w("W-07")}
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.ended_at IS NOT NULL OR NEW.ends_at <= NEW.starts_at OR NEW.ends_at <= clock_timestamp()
     OR NEW.ends_at > NEW.starts_at + interval '90 days' OR NEW.starts_at < clock_timestamp() - interval '5 minutes'
     OR NEW.starts_at > clock_timestamp() + interval '5 minutes' THEN
    {_w("W-01")}
  END IF;
  IF cardinality(NEW.rules) = 0 OR NOT NEW.rules::text[] <@ ARRAY[{", ".join(f"'{number}'" for number in WAIVABLE)}] THEN
    {_w("W-02")}
  END IF;
  IF length(btrim(NEW.reviewer)) < 3 OR cardinality(regexp_split_to_array(btrim(NEW.reason), '\\s+')) < 3 THEN
    {_w("W-05")}
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(NEW.rules) AS n (number) WHERE policies_team(NEW.organization_id, n.number) >= 3) THEN
    {_w("W-03")}
  END IF;
  SELECT * INTO asked FROM public.approvals_request r
   WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id AND r.state = 'granted'
     AND r.action = '{WAIVER_ACTION}';
  IF NOT FOUND THEN
    {_w("W-04")}
  END IF;
  about := convert_from(asked.content, 'UTF8')::jsonb -> 'content';
  IF about ->> 'person' IS DISTINCT FROM NEW.person_id::text OR about -> 'rules' IS DISTINCT FROM to_jsonb(NEW.rules)
     OR about ->> 'reviewer' IS DISTINCT FROM NEW.reviewer OR about ->> 'reason' IS DISTINCT FROM NEW.reason
     OR NEW.ends_at > NEW.starts_at + make_interval(days => (about ->> 'days')::int, mins => 1)
     OR NEW.starts_at < asked.ended_at - interval '1 minute' THEN
    {_w("W-04")}
  END IF;
  IF accounts_is_same(NEW.person_id, asked.requested_by_id)
     OR EXISTS (SELECT 1 FROM public.approvals_decision d
                 WHERE d.request_id = asked.id AND accounts_is_same(d.person_id, NEW.person_id)) THEN
    {_w("W-06")}
  END IF;
  RETURN NEW;
END $$;
"""  # noqa: S608
WAIVER_TRIGGER = """
CREATE TRIGGER policies_refuse_waiver BEFORE INSERT OR UPDATE ON sod_waiver
  FOR EACH ROW EXECUTE FUNCTION policies_refuse_waiver();
ALTER TABLE sod_waiver ENABLE ALWAYS TRIGGER policies_refuse_waiver;
CREATE TRIGGER policies_waiver_kept BEFORE DELETE ON sod_waiver FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE sod_waiver ENABLE ALWAYS TRIGGER policies_waiver_kept;
CREATE TRIGGER policies_waiver_no_truncate BEFORE TRUNCATE ON sod_waiver
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE sod_waiver ENABLE ALWAYS TRIGGER policies_waiver_no_truncate;
"""

INSTALL = WAIVER + READS + POLICY + POLICY_TRIGGER + WAIVER_TRIGGER
REMOVE = """
DROP TRIGGER policies_waiver_no_truncate ON sod_waiver;
DROP TRIGGER policies_waiver_kept ON sod_waiver;
DROP TRIGGER policies_refuse_waiver ON sod_waiver;
DROP TRIGGER policies_refuse_policy ON organizations_policy;
DROP FUNCTION policies_refuse_waiver();
DROP FUNCTION policies_team(uuid, text);
DROP FUNCTION policies_refuse_policy();
DROP FUNCTION policies_carries(uuid, uuid);
DROP FUNCTION policies_eligible(uuid, text);
DROP FUNCTION policies_orphans(uuid, jsonb, jsonb, jsonb);
DROP FUNCTION policies_deciders(uuid, jsonb);
DROP FUNCTION policies_gains(uuid, jsonb, jsonb, jsonb, jsonb);
DROP FUNCTION policies_loosened(jsonb, jsonb);
DROP FUNCTION policies_quorum_waived(uuid);
"""
