"""SQL that refuses a delegation the D rules forbid, and a decision in another's place that its delegation can't carry.

A decision takes the item's lock, the request's, then the delegation's; ending a delegation takes the last alone.
"""

from remediation.sod.rulebook import a_decisions
from remediation.sod.rulebook.d_delegation import FAMILY

_PATH = "SET search_path = pg_catalog, public, pg_temp"
_refuse = FAMILY.refusal


ANSWERS = f"""
-- Whether two rows are one natural person; false where one of them is nobody.
CREATE FUNCTION approvals_one_person(one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE {_PATH} AS $$
  SELECT $1 IS NOT NULL AND $2 IS NOT NULL AND accounts_is_same($1, $2) $$;

-- By Django's naming of tables, so that this floor need not know the ones above it.
CREATE FUNCTION approvals_in_engagement(type text, id uuid, engagement uuid) RETURNS boolean
LANGUAGE plpgsql STABLE {_PATH} AS $$
DECLARE home text := replace(lower($1), '.', '_'); found boolean := false;
BEGIN
  IF $1 = 'findings.finding' AND to_regclass('public.engagements_scopedfinding') IS NOT NULL THEN
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM public.engagements_scopedfinding s
                             WHERE s.finding_id = $1 AND s.engagement_id = $2)' INTO found USING $2, $3;
  ELSIF EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || quote_ident(home))
                   AND a.attname = 'engagement_id' AND NOT a.attisdropped) THEN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I t WHERE t.id = $1 AND t.engagement_id = $2)', home)
      INTO found USING $2, $3;
  END IF;
  RETURN coalesce(found, false);
END $$;

CREATE FUNCTION approvals_delegation_covers(loan public.approvals_delegation, asked public.approvals_request)
RETURNS boolean LANGUAGE plpgsql STABLE {_PATH} AS $$
DECLARE now_is text := sod_severity(asked.subject_type, asked.subject_id); worst int;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_action a WHERE a.action = asked.action AND a.duty = loan.duty)
     OR (jsonb_array_length(loan.actions) > 0 AND NOT loan.actions ? asked.action::text) THEN
    RETURN false;
  END IF;
  worst := greatest(sod_severity_rank(asked.severity),
                    CASE WHEN now_is IS NULL THEN 0 ELSE sod_severity_rank(now_is) END);
  RETURN CASE loan.scope
           WHEN 'all' THEN true
           WHEN 'severity' THEN worst <= sod_severity_rank(loan.ceiling)
           WHEN 'engagement' THEN approvals_in_engagement(asked.subject_type, asked.subject_id, loan.engagement)
           WHEN 'items' THEN loan.items ? asked.subject_id::text
           ELSE false
         END;
END $$;

-- What a person may do here beside their roles; asked once a request, in the statement that lets them in.
CREATE FUNCTION approvals_standing(organization uuid, person uuid, OUT deputises boolean)
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.approvals_delegation d
                  WHERE d.organization_id = $1 AND d.deputy_id = $2 AND d.ended_at IS NULL
                    AND d.accepted_at IS NOT NULL AND d.starts_at <= clock_timestamp()
                    AND d.ends_at > clock_timestamp()) $$;

CREATE FUNCTION approvals_holds_duty(organization uuid, person uuid, duty text) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.accounts_membership m JOIN public.approvals_action a ON a.roles ? m.role::text
                  WHERE m.organization_id = $1 AND m.person_id = $2 AND a.duty = $3
                    AND m.starts_at <= clock_timestamp()
                    AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())) $$;

-- A member who is neither administrator nor auditor: those stand beside no other role.
CREATE FUNCTION approvals_may_deputise(organization uuid, person uuid) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT count(*) > 0 AND count(*) FILTER (WHERE m.role IN ('administrator', 'auditor')) = 0
    FROM public.accounts_membership m
   WHERE m.organization_id = $1 AND m.person_id = $2 AND m.starts_at <= clock_timestamp()
     AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp()) $$;
"""  # noqa: S608

DELEGATIONS = f"""
CREATE FUNCTION approvals_delegation_begin() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  -- Two people who delegate to each other at the same moment must see each other.
  PERFORM pg_advisory_xact_lock(hashtextextended('delegation:' || NEW.organization_id::text, 0));
  IF NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.given_through_id
                    AND a.person_id = NEW.giver_id AND a.is_active) THEN
    {_refuse("D-01")}
  END IF;
  IF approvals_one_person(NEW.giver_id, NEW.deputy_id) THEN
    {_refuse("D-02")}
  END IF;
  IF NEW.starts_at < clock_timestamp() - interval '5 minutes' OR NEW.made_at < clock_timestamp() - interval '5 minutes'
     OR NEW.made_at > clock_timestamp() + interval '1 minute' THEN
    {_refuse("D-08")}
  END IF;
  IF NEW.ends_at <= NEW.starts_at OR NEW.ends_at > NEW.starts_at + interval '30 days' THEN
    {_refuse("D-07")}
  END IF;
  IF length(btrim(NEW.reason)) < 8 OR cardinality(regexp_split_to_array(btrim(NEW.reason), '\\s+')) < 3 THEN
    {_refuse("D-09")}
  END IF;
  IF jsonb_typeof(NEW.actions) <> 'array' OR jsonb_typeof(NEW.items) <> 'array'
     OR NOT EXISTS (SELECT 1 FROM public.approvals_action a WHERE a.duty = NEW.duty)
     OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(NEW.actions) AS wanted (action)
                 WHERE NOT EXISTS (SELECT 1 FROM public.approvals_action a
                                    WHERE a.action = wanted.action AND a.duty = NEW.duty))
     OR NOT (CASE NEW.scope WHEN 'all' THEN true
                           WHEN 'severity' THEN NEW.ceiling IN ('low', 'medium', 'high', 'critical')
                           WHEN 'engagement' THEN NEW.engagement IS NOT NULL
                           WHEN 'items' THEN jsonb_array_length(NEW.items) > 0
                           ELSE false END) THEN
    {_refuse("D-10")}
  END IF;
  IF NEW.accepted_at IS NOT NULL OR NEW.accepted_through_id IS NOT NULL OR NEW.ended_at IS NOT NULL THEN
    {_refuse("D-11")}
  END IF;
  IF NOT approvals_holds_duty(NEW.organization_id, NEW.giver_id, NEW.duty) THEN
    {_refuse("D-03")}
  END IF;
  IF NOT approvals_may_deputise(NEW.organization_id, NEW.deputy_id) THEN
    {_refuse("D-04")}
  END IF;
  IF EXISTS (SELECT 1 FROM public.approvals_delegation d
              WHERE d.organization_id = NEW.organization_id AND d.duty = NEW.duty AND d.ended_at IS NULL
                AND d.starts_at < NEW.ends_at AND d.ends_at > NEW.starts_at
                AND approvals_one_person(d.giver_id, NEW.deputy_id)
                AND approvals_one_person(d.deputy_id, NEW.giver_id)) THEN
    {_refuse("D-06")}
  END IF;
  IF EXISTS (SELECT 1 FROM public.approvals_delegation d
              WHERE d.organization_id = NEW.organization_id AND d.duty = NEW.duty AND d.ended_at IS NULL
                AND d.starts_at < NEW.ends_at AND d.ends_at > NEW.starts_at
                AND (approvals_one_person(d.deputy_id, NEW.giver_id)
                     OR approvals_one_person(d.giver_id, NEW.deputy_id))) THEN
    {_refuse("D-05")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_delegation_begin BEFORE INSERT ON approvals_delegation
  FOR EACH ROW EXECUTE FUNCTION approvals_delegation_begin();
ALTER TABLE approvals_delegation ENABLE ALWAYS TRIGGER approvals_delegation_begin;

CREATE FUNCTION approvals_delegation_move() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE moving text[] := ARRAY['accepted_at', 'accepted_through_id', 'ended_at', 'ended_by_id', 'ended_why'];
BEGIN
  IF to_jsonb(NEW) - moving <> to_jsonb(OLD) - moving OR OLD.ended_at IS NOT NULL
     OR (NEW.ended_at IS NOT NULL AND (NEW.ended_at < clock_timestamp() - interval '5 minutes'
                                       OR NEW.ended_at > clock_timestamp() + interval '1 minute')) THEN
    {_refuse("D-12")}
  END IF;
  IF ROW(NEW.accepted_at, NEW.accepted_through_id) IS DISTINCT FROM ROW(OLD.accepted_at, OLD.accepted_through_id)
     AND (OLD.accepted_at IS NOT NULL OR NEW.accepted_at IS NULL OR NEW.ended_at IS NOT NULL
          OR NEW.accepted_at < clock_timestamp() - interval '5 minutes'
          OR NEW.accepted_at > clock_timestamp() + interval '1 minute' OR NEW.ends_at <= clock_timestamp()
          OR NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.accepted_through_id
                            AND a.person_id = NEW.deputy_id AND a.is_active)) THEN
    {_refuse("D-11")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_delegation_move BEFORE UPDATE ON approvals_delegation
  FOR EACH ROW EXECUTE FUNCTION approvals_delegation_move();
ALTER TABLE approvals_delegation ENABLE ALWAYS TRIGGER approvals_delegation_move;
CREATE TRIGGER approvals_delegation_kept BEFORE DELETE ON approvals_delegation
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE approvals_delegation ENABLE ALWAYS TRIGGER approvals_delegation_kept;
CREATE TRIGGER approvals_delegation_no_truncate BEFORE TRUNCATE ON approvals_delegation
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE approvals_delegation ENABLE ALWAYS TRIGGER approvals_delegation_no_truncate;
"""  # noqa: S608

# Beside approvals_decision_refuse, which judges the one who decides; by its name this trigger runs before that one.
DECISIONS = f"""
CREATE FUNCTION approvals_decision_for_another() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  asked public.approvals_request%ROWTYPE;
  loan public.approvals_delegation%ROWTYPE;
  severity text;
  bad record;
BEGIN
  SELECT * INTO asked FROM public.approvals_request r
   WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id;
  IF NOT FOUND THEN RETURN NEW; END IF;
  PERFORM sod_lock_item(asked.organization_id, asked.subject_type, asked.subject_id, asked.cycle);
  SELECT * INTO asked FROM public.approvals_request r WHERE r.id = NEW.request_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM public.approvals_decision d
              WHERE d.request_id = NEW.request_id AND (NEW.for_person_id IS NOT NULL OR d.for_person_id IS NOT NULL)
                AND (approvals_one_person(d.person_id, NEW.person_id)
                     OR approvals_one_person(d.person_id, NEW.for_person_id)
                     OR approvals_one_person(d.for_person_id, NEW.person_id)
                     OR approvals_one_person(d.for_person_id, NEW.for_person_id))) THEN
    {_refuse("D-19")}
  END IF;
  IF NEW.for_person_id IS NULL AND NEW.delegation_id IS NULL THEN RETURN NEW; END IF;
  SELECT * INTO loan FROM public.approvals_delegation d
   WHERE d.id = NEW.delegation_id AND d.organization_id = NEW.organization_id FOR SHARE;
  IF NOT FOUND OR loan.giver_id IS DISTINCT FROM NEW.for_person_id OR loan.deputy_id <> NEW.person_id
     OR approvals_one_person(NEW.person_id, NEW.for_person_id) THEN
    {_refuse("D-17")}
  END IF;
  IF loan.ended_at IS NOT NULL THEN
    {_refuse("D-15")}
  END IF;
  IF loan.accepted_at IS NULL THEN
    {_refuse("D-13")}
  END IF;
  IF clock_timestamp() < loan.starts_at OR clock_timestamp() >= loan.ends_at THEN
    {_refuse("D-14")}
  END IF;
  IF NOT approvals_delegation_covers(loan, asked) THEN
    {_refuse("D-16")}
  END IF;
  IF NOT approvals_holds_duty(NEW.organization_id, NEW.for_person_id, loan.duty)
     OR NOT approvals_may_deputise(NEW.organization_id, NEW.person_id) THEN
    {_refuse("D-20")}
  END IF;
  severity := sod_severity(asked.subject_type, asked.subject_id);
  IF severity IS NULL OR sod_severity_rank(severity) < sod_severity_rank(asked.severity) THEN
    severity := asked.severity;
  END IF;
  SELECT c.number, c.sentence INTO bad
    FROM sod_conflicts(asked.organization_id, asked.subject_type, asked.subject_id, asked.cycle, NEW.for_person_id,
                       loan.duty, severity, asked.requested_by_id) AS c
   LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003',
      MESSAGE = format('[D-18] who has a conflict can''t be decided for either: %s (%s)', bad.sentence, bad.number);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_decision_for_another BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_decision_for_another();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_for_another;

-- Whom it was decided for leaves a hand too, as the account that lent the duty.
CREATE FUNCTION approvals_decision_hand_of_giver() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  INSERT INTO public.sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty,
                               about, at)
    SELECT gen_random_uuid(), r.organization_id, r.subject_type, r.subject_id, r.cycle, NEW.for_person_id,
           d.given_through_id, a.duty, a.word, NEW.at
      FROM public.approvals_request r JOIN public.approvals_action a ON a.action = r.action
      JOIN public.approvals_delegation d ON d.id = NEW.delegation_id
     WHERE r.id = NEW.request_id
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER approvals_decision_hand_of_giver AFTER INSERT ON approvals_decision
  FOR EACH ROW WHEN (NEW.for_person_id IS NOT NULL) EXECUTE FUNCTION approvals_decision_hand_of_giver();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_hand_of_giver;
"""  # noqa: S608

# The two functions of approvals/guards.py that must know of a second person: whose role counts, and whose voice.
_ROLE_OF_THE_VOICE = """
CREATE OR REPLACE FUNCTION approvals_decision_refuse() RETURNS trigger LANGUAGE plpgsql {path} AS $$
DECLARE
  asked public.approvals_request%ROWTYPE;
  action public.approvals_action%ROWTYPE;
  bad record;
  severity text;
BEGIN
  SELECT * INTO asked FROM public.approvals_request r
   WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id;
  IF NOT FOUND THEN
    {a01}
  END IF;
  PERFORM sod_lock_item(asked.organization_id, asked.subject_type, asked.subject_id, asked.cycle);
  SELECT * INTO asked FROM public.approvals_request r WHERE r.id = NEW.request_id FOR UPDATE;
  IF asked.state <> 'open' THEN
    {a02}
  END IF;
  IF asked.expires_at <= clock_timestamp() THEN
    {a09}
  END IF;
  IF NEW.content_sha256 IS DISTINCT FROM asked.content_sha256 THEN
    {a03}
  END IF;
  IF NEW.matrix_version IS DISTINCT FROM sod_matrix_version() OR asked.matrix_version <> sod_matrix_version() THEN
    {a08}
  END IF;
  IF NEW.verdict NOT IN ('approve', 'reject') OR length(btrim(NEW.reason)) < 8
     OR cardinality(regexp_split_to_array(btrim(NEW.reason), '\\s+')) < 3 THEN
    {a06}
  END IF;
  IF NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.account_id
                    AND a.person_id = NEW.person_id AND a.is_active) THEN
    {a04}
  END IF;
  IF NEW.authenticated_at IS NULL OR NEW.at IS NULL
     OR NEW.authenticated_at < clock_timestamp() - interval '5 minutes'
     OR NEW.authenticated_at > clock_timestamp() + interval '1 minute'
     OR NEW.at < clock_timestamp() - interval '5 minutes' OR NEW.at > clock_timestamp() + interval '1 minute' THEN
    {a05}
  END IF;
  SELECT * INTO action FROM public.approvals_action a WHERE a.action = asked.action;
  IF NOT EXISTS (SELECT 1 FROM public.accounts_membership m
                  WHERE m.organization_id = NEW.organization_id
                    AND m.person_id = coalesce(NEW.for_person_id, NEW.person_id)
                    AND m.starts_at <= clock_timestamp() AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
                    AND action.roles ? m.role::text AND m.department = NEW.department) THEN
    {a07}
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
"""

_COUNT_OF_VOICES = """
CREATE OR REPLACE FUNCTION approvals_request_move() RETURNS trigger LANGUAGE plpgsql {path} AS $$
DECLARE
  voices int;
  departments int;
  rejections int;
  since timestamptz;
BEGIN
  IF to_jsonb(NEW) - 'state' - 'ended_at' - 'ended_why' <> to_jsonb(OLD) - 'state' - 'ended_at' - 'ended_why' THEN
    {a12}
  END IF;
  IF NOT (OLD.state = 'open' AND NEW.state IN ('granted', 'refused', 'void', 'withdrawn', 'expired')
          OR OLD.state = 'granted' AND NEW.state = 'void') THEN
    {a02}
  END IF;
  IF NEW.state IN ('granted', 'refused') THEN
    -- The update holds the request's row, and every decision locks that row first: the count can't move.
    SELECT clock_timestamp() - make_interval(days => q.days) INTO since
      FROM public.approvals_action a,
           LATERAL approvals_quorum(NEW.organization_id, a.quorum::text, NEW.severity::text) AS q
     WHERE a.action = NEW.action;
    -- A vote that is older than the policy's days no longer counts; a rejection ended the request when it was made.
    SELECT count(DISTINCT accounts_first_of(coalesce(d.for_person_id, d.person_id)))
             FILTER (WHERE d.verdict = 'approve' AND d.at > since),
           count(DISTINCT nullif(d.department, '')) FILTER (WHERE d.verdict = 'approve' AND d.at > since),
           count(*) FILTER (WHERE d.verdict = 'reject')
      INTO voices, departments, rejections
      FROM public.approvals_decision d
     WHERE d.request_id = NEW.id AND d.content_sha256 = NEW.content_sha256;
    IF NEW.state = 'granted' THEN
      IF OLD.expires_at <= clock_timestamp() THEN
        {a09}
      END IF;
      IF rejections > 0 OR voices < NEW.needed OR (NEW.distinct_departments AND departments < NEW.needed) THEN
        {a10}
      END IF;
    ELSIF rejections = 0 THEN
      {a10}
    END IF;
  END IF;
  RETURN NEW;
END $$;
"""

_SENTENCES = {
    f"a{number:02}": a_decisions.FAMILY.refusal(f"A-{number:02}") for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
}
REPLACED = "".join(text.format(path=_PATH, **_SENTENCES) for text in (_ROLE_OF_THE_VOICE, _COUNT_OF_VOICES))

INSTALL = ANSWERS + DELEGATIONS + DECISIONS + REPLACED
REMOVE = """
DROP TRIGGER approvals_decision_hand_of_giver ON approvals_decision;
DROP FUNCTION approvals_decision_hand_of_giver();
DROP TRIGGER approvals_decision_for_another ON approvals_decision;
DROP FUNCTION approvals_decision_for_another();
DROP TRIGGER approvals_delegation_no_truncate ON approvals_delegation;
DROP TRIGGER approvals_delegation_kept ON approvals_delegation;
DROP TRIGGER approvals_delegation_move ON approvals_delegation;
DROP FUNCTION approvals_delegation_move();
DROP TRIGGER approvals_delegation_begin ON approvals_delegation;
DROP FUNCTION approvals_delegation_begin();
DROP FUNCTION approvals_may_deputise(uuid, uuid);
DROP FUNCTION approvals_standing(uuid, uuid);
DROP FUNCTION approvals_holds_duty(uuid, uuid, text);
DROP FUNCTION approvals_delegation_covers(approvals_delegation, approvals_request);
DROP FUNCTION approvals_in_engagement(text, uuid, uuid);
DROP FUNCTION approvals_one_person(uuid, uuid);
"""
