"""SQL that refuses a decision the rules forbid, a grant without its quorum, and any change of what was decided.

Rules A-01 to A-15 are of form and state; rules S-.. come from the matrix (remediation/sod/guards.py). Every function
takes the item's lock before the request's, as the services do, so that raw SQL and services can't deadlock.
"""

from remediation.sod.rulebook.a_decisions import FAMILY

_PATH = "SET search_path = pg_catalog, public, pg_temp"
_refuse = FAMILY.refusal

QUORUM = f"""
-- PRACTICE.md 3.3: the product's floor. Unknown counts as critical.
CREATE OR REPLACE FUNCTION approvals_floor(part text, severity text) RETURNS int LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public AS $$
  SELECT CASE WHEN $1 = 'closure' AND sod_severity_rank($2) >= 3 THEN 2 ELSE 1 END $$;

CREATE OR REPLACE FUNCTION approvals_quorum(organization uuid, part text, severity text, OUT needed int,
  OUT distinct_departments boolean, OUT days int) LANGUAGE plpgsql STABLE {_PATH} AS $$
DECLARE
  body jsonb := coalesce((SELECT p.body FROM public.organizations_policy p WHERE p.organization_id = $1
                           AND p.kind = 'quorum' ORDER BY p.version DESC LIMIT 1), '{{}}'::jsonb);
  rule jsonb;
  is_top boolean := part = 'closure' AND sod_severity_rank(severity) = 4;
BEGIN
  -- The defaults are those of evidence/organizations/policies.py; a test compares.
  rule := coalesce(body -> part -> severity, body -> part -> 'critical');
  needed := coalesce((rule ->> 'needed')::int, approvals_floor(part, severity));
  distinct_departments := coalesce((rule ->> 'distinct_departments')::boolean, is_top);
  days := least(coalesce((body ->> 'votes_expire_days')::int, 14), 14);
  -- A policy below the floor was made under an exception, and holds as long as that does.
  IF (needed < approvals_floor(part, severity) OR is_top AND NOT distinct_departments)
     AND NOT policies_quorum_waived(organization) THEN
    needed := greatest(needed, approvals_floor(part, severity));
    distinct_departments := distinct_departments OR is_top;
  END IF;
END $$;

-- Whether content was bound to the rules that are in force: matrix, policy and quorum.
CREATE OR REPLACE FUNCTION approvals_is_of_these_rules(organization uuid, content bytea) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce(convert_from($2, 'UTF8')::jsonb -> 'rules' = jsonb_build_object(
    'matrix_version', sod_matrix_version(), 'policy_version', sod_policy_version($1, 'sod'),
    'quorum_version', sod_policy_version($1, 'quorum')), false) $$;

-- Beside the trigger that judges the person: the rules that a decision is made by are those it was asked by.
CREATE OR REPLACE FUNCTION approvals_decision_rules() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_request r
                  WHERE r.id = NEW.request_id AND approvals_is_of_these_rules(r.organization_id, r.content)) THEN
    {_refuse("A-08")}
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION approvals_request_rules() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF NOT approvals_is_of_these_rules(NEW.organization_id, NEW.content) THEN
    {_refuse("A-08")}
  END IF;
  RETURN NEW;
END $$;
"""  # noqa: S608
RULES_TRIGGERS = """
CREATE TRIGGER approvals_decision_rules BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_decision_rules();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_rules;
CREATE TRIGGER approvals_request_rules BEFORE INSERT ON approvals_request
  FOR EACH ROW EXECUTE FUNCTION approvals_request_rules();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER approvals_request_rules;
"""
REMOVE_RULES_TRIGGERS = """
DROP TRIGGER approvals_request_rules ON approvals_request;
DROP TRIGGER approvals_decision_rules ON approvals_decision;
DROP FUNCTION approvals_request_rules();
DROP FUNCTION approvals_decision_rules();
DROP FUNCTION approvals_is_of_these_rules(uuid, bytea);
"""

REQUESTS = f"""
CREATE FUNCTION approvals_request_begin() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  action public.approvals_action%ROWTYPE;
  quorum record;
  about jsonb;
  severity text;
BEGIN
  IF NEW.state <> 'open' OR NEW.ended_at IS NOT NULL THEN
    {_refuse("A-11")}
  END IF;
  SELECT * INTO action FROM public.approvals_action a WHERE a.action = NEW.action;
  IF NOT FOUND THEN
    {_refuse("A-14")}
  END IF;
  IF NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.requested_through_id
                    AND a.person_id = NEW.requested_by_id AND a.is_active) THEN
    {_refuse("A-04")}
  END IF;
  IF encode(sha256(NEW.content), 'hex') <> NEW.content_sha256 THEN
    {_refuse("A-15")}
  END IF;
  BEGIN
    about := convert_from(NEW.content, 'UTF8')::jsonb;
  EXCEPTION WHEN OTHERS THEN
    {_refuse("A-15")}
  END;
  IF (about ->> 'action', about #>> '{{subject,type}}', about #>> '{{subject,id}}', about #>> '{{subject,cycle}}')
     IS DISTINCT FROM (NEW.action::text, NEW.subject_type::text, NEW.subject_id::text, NEW.cycle::text) THEN
    {_refuse("A-15")}
  END IF;
  IF NEW.matrix_version IS DISTINCT FROM sod_matrix_version() THEN
    {_refuse("A-08")}
  END IF;
  severity := sod_severity(NEW.subject_type, NEW.subject_id);
  IF severity IS NOT NULL AND sod_severity_rank(NEW.severity) < sod_severity_rank(severity) THEN
    {_refuse("A-13")}
  END IF;
  quorum := approvals_quorum(NEW.organization_id, action.quorum, NEW.severity);
  IF NEW.needed < quorum.needed OR (quorum.distinct_departments AND NOT NEW.distinct_departments)
     OR NEW.expires_at > clock_timestamp() + make_interval(days => quorum.days, mins => 5) THEN
    {_refuse("A-13")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_request_begin BEFORE INSERT ON approvals_request
  FOR EACH ROW EXECUTE FUNCTION approvals_request_begin();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER approvals_request_begin;

CREATE FUNCTION approvals_request_move() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  people int;
  departments int;
  rejections int;
BEGIN
  IF to_jsonb(NEW) - 'state' - 'ended_at' - 'ended_why' <> to_jsonb(OLD) - 'state' - 'ended_at' - 'ended_why' THEN
    {_refuse("A-12")}
  END IF;
  IF NOT (OLD.state = 'open' AND NEW.state IN ('granted', 'refused', 'void', 'withdrawn', 'expired')
          OR OLD.state = 'granted' AND NEW.state = 'void') THEN
    {_refuse("A-02")}
  END IF;
  IF NEW.state IN ('granted', 'refused') THEN
    -- The update holds the request's row, and every decision locks that row first: the count can't move.
    SELECT count(DISTINCT d.person_id) FILTER (WHERE d.verdict = 'approve'),
           count(DISTINCT nullif(d.department, '')) FILTER (WHERE d.verdict = 'approve'),
           count(*) FILTER (WHERE d.verdict = 'reject')
      INTO people, departments, rejections
      FROM public.approvals_decision d
     WHERE d.request_id = NEW.id AND d.content_sha256 = NEW.content_sha256;
    IF NEW.state = 'granted' THEN
      IF OLD.expires_at <= clock_timestamp() THEN
        {_refuse("A-09")}
      END IF;
      IF rejections > 0 OR people < NEW.needed OR (NEW.distinct_departments AND departments < NEW.needed) THEN
        {_refuse("A-10")}
      END IF;
    ELSIF rejections = 0 THEN
      {_refuse("A-10")}
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_request_move BEFORE UPDATE ON approvals_request
  FOR EACH ROW EXECUTE FUNCTION approvals_request_move();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER approvals_request_move;
CREATE TRIGGER approvals_request_kept BEFORE DELETE ON approvals_request
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER approvals_request_kept;
CREATE TRIGGER approvals_request_no_truncate BEFORE TRUNCATE ON approvals_request
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER approvals_request_no_truncate;
"""  # noqa: S608

DECISIONS = f"""
CREATE FUNCTION approvals_decision_refuse() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  asked public.approvals_request%ROWTYPE;
  action public.approvals_action%ROWTYPE;
  bad record;
  severity text;
BEGIN
  SELECT * INTO asked FROM public.approvals_request r
   WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id;
  IF NOT FOUND THEN
    {_refuse("A-01")}
  END IF;
  PERFORM sod_lock_item(asked.organization_id, asked.subject_type, asked.subject_id, asked.cycle);
  SELECT * INTO asked FROM public.approvals_request r WHERE r.id = NEW.request_id FOR UPDATE;
  IF asked.state <> 'open' THEN
    {_refuse("A-02")}
  END IF;
  IF asked.expires_at <= clock_timestamp() THEN
    {_refuse("A-09")}
  END IF;
  IF NEW.content_sha256 IS DISTINCT FROM asked.content_sha256 THEN
    {_refuse("A-03")}
  END IF;
  IF NEW.matrix_version IS DISTINCT FROM sod_matrix_version() OR asked.matrix_version <> sod_matrix_version() THEN
    {_refuse("A-08")}
  END IF;
  IF NEW.verdict NOT IN ('approve', 'reject') OR length(btrim(NEW.reason)) < 8
     OR cardinality(regexp_split_to_array(btrim(NEW.reason), '\\s+')) < 3 THEN
    {_refuse("A-06")}
  END IF;
  IF NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.account_id
                    AND a.person_id = NEW.person_id AND a.is_active) THEN
    {_refuse("A-04")}
  END IF;
  IF NEW.authenticated_at IS NULL OR NEW.at IS NULL
     OR NEW.authenticated_at < clock_timestamp() - interval '5 minutes'
     OR NEW.authenticated_at > clock_timestamp() + interval '1 minute'
     OR NEW.at < clock_timestamp() - interval '5 minutes' OR NEW.at > clock_timestamp() + interval '1 minute' THEN
    {_refuse("A-05")}
  END IF;
  SELECT * INTO action FROM public.approvals_action a WHERE a.action = asked.action;
  IF NOT EXISTS (SELECT 1 FROM public.accounts_membership m
                  WHERE m.organization_id = NEW.organization_id AND m.person_id = NEW.person_id
                    AND m.starts_at <= clock_timestamp() AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
                    AND action.roles ? m.role::text AND m.department = NEW.department) THEN
    {_refuse("A-07")}
  END IF;
  severity := sod_severity(asked.subject_type, asked.subject_id);
  IF severity IS NULL OR sod_severity_rank(severity) < sod_severity_rank(asked.severity) THEN
    severity := asked.severity;
  END IF;
  SELECT c.number, c.sentence INTO bad
    FROM sod_conflicts(asked.organization_id, asked.subject_type, asked.subject_id, asked.cycle, NEW.person_id,
                       action.duty, severity, asked.requested_by_id) AS c
   LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = format('[%s] %s', bad.number, bad.sentence);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_decision_refuse BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_decision_refuse();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_refuse;

-- Whoever decides leaves a hand, also when the decision came by raw SQL.
CREATE FUNCTION approvals_decision_hand() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  INSERT INTO public.sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty,
                               about, at)
    SELECT gen_random_uuid(), r.organization_id, r.subject_type, r.subject_id, r.cycle, NEW.person_id,
           NEW.account_id, a.duty, a.word, NEW.at
      FROM public.approvals_request r JOIN public.approvals_action a ON a.action = r.action
     WHERE r.id = NEW.request_id
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER approvals_decision_hand AFTER INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_decision_hand();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_hand;
"""  # noqa: S608

# For the triggers of subjects: a move that needs a decision asks here.
ANSWERS = f"""
CREATE FUNCTION approvals_granted(subject_type text, subject_id uuid, cycle int, action text) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.approvals_request r WHERE r.subject_id = $2 AND r.cycle = $3 AND r.action = $4
                    AND r.subject_type = $1 AND r.state = 'granted') $$;
CREATE FUNCTION approvals_granted_content(subject_type text, subject_id uuid, cycle int, action text) RETURNS jsonb
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT convert_from(r.content, 'UTF8')::jsonb -> 'content' FROM public.approvals_request r
   WHERE r.subject_id = $2 AND r.cycle = $3 AND r.action = $4 AND r.subject_type = $1 AND r.state = 'granted'
   ORDER BY r.requested_at DESC, r.id DESC LIMIT 1 $$;
"""  # noqa: S608

# Functions name others of later migrations, and PostgreSQL would look at the bodies of those in SQL at once.
INSTALL = "SET LOCAL check_function_bodies = off;" + QUORUM + REQUESTS + DECISIONS + ANSWERS
REMOVE = """
DROP FUNCTION approvals_granted_content(text, uuid, int, text);
DROP FUNCTION approvals_granted(text, uuid, int, text);
DROP TRIGGER approvals_decision_hand ON approvals_decision;
DROP FUNCTION approvals_decision_hand();
DROP TRIGGER approvals_decision_refuse ON approvals_decision;
DROP FUNCTION approvals_decision_refuse();
DROP TRIGGER approvals_request_no_truncate ON approvals_request;
DROP TRIGGER approvals_request_kept ON approvals_request;
DROP TRIGGER approvals_request_move ON approvals_request;
DROP FUNCTION approvals_request_move();
DROP TRIGGER approvals_request_begin ON approvals_request;
DROP FUNCTION approvals_request_begin();
DROP FUNCTION approvals_quorum(uuid, text, text);
DROP FUNCTION approvals_floor(text, text);
"""
