"""SQL that holds the line of people and roles: who is let in, and which roles never meet in one person."""

from portal.accounts.rulebook import r_roles, v_viewing
from remediation.sod.rulebook import i_identity

# PRACTICE.md section 4, toxic roles: the pairs are data (sod_toxicpair), and an organization's policy adds its own.
TOXIC_ROLES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_toxic_roles() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  bad record;
BEGIN
  IF NEW.ended_at IS NOT NULL THEN RETURN NEW; END IF;
  -- Two grants to one person at the same moment must see each other.
  PERFORM pg_advisory_xact_lock(hashtextextended('membership:' || NEW.person_id::text, 0));
  SELECT met.number, met.sentence INTO bad FROM accounts_membership m
   CROSS JOIN LATERAL accounts_meeting(NEW.organization_id, m.role, NEW.role) met
   WHERE m.organization_id = NEW.organization_id AND m.person_id = NEW.person_id AND m.id <> NEW.id
     AND m.ended_at IS NULL AND met.number IS NOT NULL
   ORDER BY met.number LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005', MESSAGE = format('[%s] %s', bad.number, bad.sentence);
  END IF;
  IF NEW.granted_by_id = NEW.person_id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005', MESSAGE = '[R-02] nobody grants a role to themselves';
  END IF;
  RETURN NEW;
END $$;
"""
MEMBERSHIP_TRIGGERS = """
CREATE TRIGGER accounts_membership_toxic BEFORE INSERT OR UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION refuse_toxic_roles();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER accounts_membership_toxic;

CREATE FUNCTION keep_membership_facts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF ROW(NEW.id, NEW.organization_id, NEW.person_id, NEW.role, NEW.starts_at, NEW.granted_by_id)
     IS DISTINCT FROM ROW(OLD.id, OLD.organization_id, OLD.person_id, OLD.role, OLD.starts_at, OLD.granted_by_id)
     OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: a membership can only be ended; grant a new one instead';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_membership_facts BEFORE UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION keep_membership_facts();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER accounts_membership_facts;
"""

# A person sees the memberships of the organization entered, and their own everywhere (the account switcher).
MEMBERSHIP_POLICY = """
ALTER TABLE accounts_membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_membership FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON accounts_membership
  USING (organization_id = (SELECT current_organization()) OR person_id = (SELECT current_person()))
  WITH CHECK (organization_id = (SELECT current_organization()));
GRANT SELECT, INSERT, UPDATE ON accounts_membership TO clearhold_app;
GRANT SELECT ON accounts_membership TO clearhold_auditor;
"""

# One round trip identifies the caller and enters the organization: (organization, account, person, roles).
ENTER = """
CREATE FUNCTION enter_organization(wanted text, caller uuid)
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public AS $$
DECLARE found_organization organizations_organization%ROWTYPE; found_account accounts_account%ROWTYPE;
BEGIN
  SELECT * INTO found_organization FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT * INTO found_account FROM accounts_account a WHERE a.id = caller AND a.is_active;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', found_organization.id::text, true),
          set_config('app.person', found_account.person_id::text, true);
  RETURN QUERY
    SELECT found_organization.id, found_organization.name::text, found_organization.timezone::text,
           found_organization.is_sample, found_account.id, p.id, p.name::text,
           array_agg(m.role::text ORDER BY m.role), array_agg(m.department::text ORDER BY m.role)
      FROM accounts_person p
      JOIN accounts_membership m ON m.person_id = p.id AND m.organization_id = found_organization.id
       AND m.ended_at IS NULL AND m.starts_at <= clock_timestamp()
     WHERE p.id = found_account.person_id
     GROUP BY p.id, p.name;
END $$;

CREATE FUNCTION enter_organization_by_token(wanted text, hash text)
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[], token_id uuid, scopes text[], last_used_on date)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public AS $$
DECLARE entered uuid; token accounts_apitoken%ROWTYPE;
BEGIN
  SELECT o.id INTO entered FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', entered::text, true);
  SELECT * INTO token FROM accounts_apitoken t
   WHERE t.token_hash = hash AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY
    SELECT e.*, token.id, token.scopes::text[], token.last_used_on FROM enter_organization(wanted, token.account_id) e;
END $$;
"""

INSTALL = TOXIC_ROLES_FUNCTION + MEMBERSHIP_TRIGGERS + MEMBERSHIP_POLICY + ENTER
REMOVE = """
DROP FUNCTION enter_organization_by_token(text, text);
DROP FUNCTION enter_organization(text, uuid);
DROP POLICY own_organization ON accounts_membership;
DROP TRIGGER accounts_membership_facts ON accounts_membership;
DROP FUNCTION keep_membership_facts();
DROP TRIGGER accounts_membership_toxic ON accounts_membership;
DROP FUNCTION refuse_toxic_roles();
"""

# Separation of duties compares persons: an account that could change hands would be a way round it.
ACCOUNT_PERSON = """
CREATE FUNCTION keep_account_person() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NEW.person_id IS DISTINCT FROM OLD.person_id OR NEW.id <> OLD.id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: an account belongs to one person for ever';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_account_person BEFORE UPDATE ON accounts_account
  FOR EACH ROW EXECUTE FUNCTION keep_account_person();
ALTER TABLE accounts_account ENABLE ALWAYS TRIGGER accounts_account_person;
"""
REMOVE_ACCOUNT_PERSON = """
DROP TRIGGER accounts_account_person ON accounts_account;
DROP FUNCTION keep_account_person();
"""

# Two accounts of one human being (rule family I, remediation/sod/rulebook/i_identity.py). A link joins persons within
# one organization; the pairs that follow from all links stand in accounts_sameperson, so that asking costs one look
# into one index. Most persons have no row there.
_PATH = "SET search_path = pg_catalog, public, pg_temp"
_refuse = i_identity.FAMILY.refusal

# By the data of the matrix, and by the organization's own pairs: everything that asks about two roles asks here.
_OWN = r_roles.FAMILY.rule("R-01")
MEETING = f"""
-- The rule that keeps two roles from one person, with its sentence; no number where they may meet.
CREATE OR REPLACE FUNCTION accounts_meeting(organization uuid, one text, other text, OUT number text, OUT sentence text)
LANGUAGE plpgsql STABLE {_PATH} AS $$
BEGIN
  SELECT t.number, t.sentence INTO number, sentence FROM public.sod_toxicpair t
   WHERE t.matrix_version = (SELECT max(matrix_version) FROM public.sod_toxicpair)
     AND (t.one = $2 AND t.other = $3 OR t.one = $3 AND t.other = $2)
   ORDER BY t.number LIMIT 1;
  IF number IS NULL AND $2 <> $3 AND EXISTS (
    SELECT 1 FROM jsonb_array_elements(coalesce(sod_policy($1) -> 'toxic_roles', '[]'::jsonb)) AS pair (roles)
     WHERE pair.roles ? $2 AND pair.roles ? $3) THEN
    number := '{_OWN.number}';
    sentence := '{_OWN.sentence}';
  END IF;
END $$;
"""  # noqa: S608
MAY_NOT_MEET = f"""
CREATE OR REPLACE FUNCTION accounts_may_not_meet(one text, other text) RETURNS boolean
LANGUAGE plpgsql STABLE {_PATH} AS $$
BEGIN
  RETURN (accounts_meeting(current_organization(), $1, $2)).number IS NOT NULL;
END $$;
"""

SAME_PEOPLE = f"""
-- The person and everybody who is the same human being. Row-level security narrows it to the organization entered.
CREATE FUNCTION accounts_same_people(person uuid) RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE {_PATH} AS $$
  SELECT ARRAY(SELECT s.other_id FROM public.accounts_sameperson s WHERE s.person_id = $1) || $1 $$;

CREATE FUNCTION accounts_is_same(one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE {_PATH} AS $$
  SELECT $1 = $2 OR EXISTS (SELECT 1 FROM public.accounts_sameperson s WHERE s.person_id = $1 AND s.other_id = $2) $$;

-- One key for all persons of a human being, to count by: count(DISTINCT accounts_first_of(person_id)).
CREATE FUNCTION accounts_first_of(person uuid) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE {_PATH} AS $$
  SELECT least($1, (SELECT s.other_id FROM public.accounts_sameperson s WHERE s.person_id = $1
                     ORDER BY s.other_id LIMIT 1)) $$;

-- Links and what they could forbid take turns: acts share the lock, a link holds it alone. It is the first thing
-- each statement takes, so nobody waits for it who holds what the link needs.
CREATE FUNCTION accounts_identity_share() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('identity:' || current_organization()::text, 0));
  RETURN NULL;
END $$;
CREATE TRIGGER a_identity_share BEFORE INSERT ON sod_hand
  FOR EACH STATEMENT EXECUTE FUNCTION accounts_identity_share();
ALTER TABLE sod_hand ENABLE ALWAYS TRIGGER a_identity_share;
CREATE TRIGGER a_identity_share BEFORE INSERT ON approvals_decision
  FOR EACH STATEMENT EXECUTE FUNCTION accounts_identity_share();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER a_identity_share;
CREATE TRIGGER a_identity_share BEFORE INSERT ON accounts_membership
  FOR EACH STATEMENT EXECUTE FUNCTION accounts_identity_share();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER a_identity_share;

CREATE FUNCTION accounts_join_people(organization uuid, one uuid, other uuid) RETURNS void
LANGUAGE sql VOLATILE {_PATH} AS $$
  INSERT INTO public.accounts_sameperson (id, organization_id, person_id, other_id)
    SELECT gen_random_uuid(), $1, pair.person, pair.other
      FROM (SELECT a AS person, b AS other FROM unnest(accounts_same_people($2)) a, unnest(accounts_same_people($3)) b
            UNION SELECT b, a FROM unnest(accounts_same_people($2)) a, unnest(accounts_same_people($3)) b) AS pair
     WHERE pair.person <> pair.other
    ON CONFLICT DO NOTHING $$;
"""  # noqa: S608

# What two persons did together, judged as if they were one: the acts of both on one item, without and then with the
# link, inside a sub-transaction that is rolled back. The rules are those of every other day: sod_conflicts.
IF_ONE = f"""
CREATE FUNCTION accounts_is_past(subject_type text, subject_id uuid, cycle int) RETURNS boolean
LANGUAGE plpgsql STABLE {_PATH} AS $$
DECLARE home text := replace(lower($1), '.', '_'); has text[]; found boolean;
BEGIN
  -- By Django's naming of tables. An item that counts cycles is past once it was reopened, one that has issues once
  -- another took its place.
  SELECT array_agg(a.attname) INTO has FROM pg_attribute a
   WHERE a.attrelid = to_regclass('public.' || quote_ident(home)) AND NOT a.attisdropped;
  IF 'cycle' = ANY (has) THEN
    EXECUTE format('SELECT cycle > $2 FROM public.%I WHERE id = $1', home) INTO found USING $2, $3;
  ELSIF 'superseded_at' = ANY (has) THEN
    EXECUTE format('SELECT superseded_at IS NOT NULL FROM public.%I WHERE id = $1', home) INTO found USING $2;
  END IF;
  RETURN coalesce(found, false);
END $$;

CREATE FUNCTION accounts_conflicts_between(ones uuid[], others uuid[])
RETURNS TABLE (number text, sentence text, subject_type text, subject_id uuid, cycle int)
LANGUAGE sql STABLE {_PATH} AS $$
  WITH acts AS (
    SELECT h.organization_id, h.subject_type, h.subject_id, h.cycle, h.person_id, h.duty::text AS duty,
           NULL::uuid AS requester
      FROM public.sod_hand h WHERE h.person_id = ANY ($1 || $2)
    UNION
    SELECT r.organization_id, r.subject_type, r.subject_id, r.cycle, d.person_id, a.duty::text, r.requested_by_id
      FROM public.approvals_decision d JOIN public.approvals_request r ON r.id = d.request_id
      JOIN public.approvals_action a ON a.action = r.action
     WHERE d.person_id = ANY ($1 || $2) AND r.requested_by_id = ANY ($1 || $2)
       AND r.state IN ('open', 'granted', 'refused')
  ), sides AS (
    SELECT a.subject_type, a.subject_id, a.cycle FROM acts a GROUP BY 1, 2, 3
    HAVING bool_or(a.person_id = ANY ($1) OR a.requester = ANY ($1))
       AND bool_or(a.person_id = ANY ($2) OR a.requester = ANY ($2))
  )
  SELECT DISTINCT c.number, c.sentence, a.subject_type::text, a.subject_id, a.cycle
    FROM acts a JOIN sides s ON s.subject_id = a.subject_id AND s.cycle = a.cycle AND s.subject_type = a.subject_type
   CROSS JOIN LATERAL sod_conflicts(a.organization_id, a.subject_type, a.subject_id, a.cycle, a.person_id, a.duty,
                                    sod_severity(a.subject_type, a.subject_id), a.requester) AS c
  UNION
  SELECT 'I-09', 'One person decides a request once, through whatever account.', r.subject_type, r.subject_id, r.cycle
    FROM public.approvals_decision d JOIN public.approvals_decision e ON e.request_id = d.request_id
    JOIN public.approvals_request r ON r.id = d.request_id
   WHERE d.person_id = ANY ($1) AND e.person_id = ANY ($2) AND r.state IN ('open', 'granted', 'refused') $$;

CREATE FUNCTION accounts_conflicts_if_one(one uuid, other uuid)
RETURNS TABLE (number text, sentence text, subject_type text, subject_id uuid, cycle int, is_past boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER {_PATH} AS $$
DECLARE
  ones uuid[] := accounts_same_people($1);
  others uuid[] := accounts_same_people($2);
  apart jsonb;
  joined jsonb;
BEGIN
  IF $2 = ANY (ones) THEN RETURN; END IF;
  SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') INTO apart FROM accounts_conflicts_between(ones, others) c
   WHERE c.number <> 'I-09';
  BEGIN
    PERFORM accounts_join_people(current_organization(), $1, $2);
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') INTO joined FROM accounts_conflicts_between(ones, others) c;
    RAISE EXCEPTION USING ERRCODE = 'CH000', MESSAGE = 'only supposed';
  EXCEPTION WHEN SQLSTATE 'CH000' THEN
    NULL;
  END;
  RETURN QUERY
    SELECT f.number, f.sentence, f.subject_type, f.subject_id, f.cycle,
           accounts_is_past(f.subject_type, f.subject_id, f.cycle)
      FROM jsonb_to_recordset(joined) AS f (number text, sentence text, subject_type text, subject_id uuid, cycle int)
     WHERE NOT apart @> jsonb_build_array(to_jsonb(f))
     ORDER BY f.subject_id, f.cycle, f.number;
END $$;
REVOKE ALL ON FUNCTION accounts_conflicts_if_one(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_conflicts_if_one(uuid, uuid) TO clearhold_app;
"""  # noqa: S608

LINKS = f"""
CREATE FUNCTION accounts_person_link_refuse() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  everyone uuid[];
  bad record;
  clash record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('identity:' || NEW.organization_id::text, 0));
  IF NEW.person_id = NEW.same_as_id THEN
    {_refuse("I-01")}
  END IF;
  everyone := accounts_same_people(NEW.person_id) || accounts_same_people(NEW.same_as_id);
  IF NEW.same_as_id = ANY (accounts_same_people(NEW.person_id)) THEN
    {_refuse("I-10")}
  END IF;
  IF (SELECT count(DISTINCT m.person_id) FROM accounts_membership m WHERE m.organization_id = NEW.organization_id
         AND m.person_id IN (NEW.person_id, NEW.same_as_id)) < 2 THEN
    {_refuse("I-08")}
  END IF;
  IF cardinality(regexp_split_to_array(btrim(NEW.reason), '\\s+')) < 3 OR cardinality(NEW.evidence) < 1 THEN
    {_refuse("I-03")}
  END IF;
  IF NEW.made_by_id = NEW.confirmed_by_id OR accounts_is_same(NEW.made_by_id, NEW.confirmed_by_id)
     OR NOT accounts_holds(NEW.organization_id, NEW.made_by_id, 'administrator')
     OR (CASE NEW.confirmed_as
          WHEN 'person' THEN NEW.confirmed_by_id NOT IN (NEW.person_id, NEW.same_as_id)
          WHEN 'administrator' THEN NEW.confirmed_by_id = ANY (everyone)
               OR NOT accounts_holds(NEW.organization_id, NEW.confirmed_by_id, 'administrator')
          WHEN 'executive' THEN NEW.confirmed_by_id = ANY (everyone)
               OR NOT accounts_holds(NEW.organization_id, NEW.confirmed_by_id, 'executive')
          ELSE true END) THEN
    {_refuse("I-04")}
  END IF;
  SELECT m.role AS one, n.role AS other INTO clash
    FROM accounts_membership m JOIN accounts_membership n ON n.organization_id = m.organization_id AND n.role <> m.role
   WHERE m.organization_id = NEW.organization_id AND m.ended_at IS NULL AND n.ended_at IS NULL
     AND m.person_id = ANY (everyone) AND n.person_id = ANY (everyone) AND m.person_id <> n.person_id
     AND accounts_may_not_meet(m.role, n.role)
   LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005',
      MESSAGE = format('[I-07] the roles %s and %s may not meet in one person', clash.one, clash.other);
  END IF;
  SELECT * INTO bad FROM accounts_conflicts_if_one(NEW.person_id, NEW.same_as_id) c
   ORDER BY c.is_past, c.subject_id, c.number LIMIT 1;
  IF FOUND AND NOT bad.is_past THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = format(
      '[I-05] together they broke rule %s on %s %s; reopen it, then link', bad.number, bad.subject_type,
      bad.subject_id);
  END IF;
  IF FOUND AND NEW.confirmed_as <> 'executive' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = format(
      '[I-06] together they broke rule %s on an earlier cycle of %s %s; an executive confirms such a link',
      bad.number, bad.subject_type, bad.subject_id);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_person_link_refuse BEFORE INSERT ON accounts_personlink
  FOR EACH ROW EXECUTE FUNCTION accounts_person_link_refuse();
ALTER TABLE accounts_personlink ENABLE ALWAYS TRIGGER accounts_person_link_refuse;

CREATE FUNCTION accounts_holds(organization uuid, person uuid, role text) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.accounts_membership m WHERE m.organization_id = $1 AND m.person_id = $2
                    AND m.role = $3 AND m.starts_at <= clock_timestamp()
                    AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())) $$;

{MAY_NOT_MEET}

CREATE FUNCTION accounts_link_kept() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  {_refuse("I-02")}
END $$;
CREATE TRIGGER accounts_person_link_kept BEFORE UPDATE OR DELETE ON accounts_personlink
  FOR EACH ROW EXECUTE FUNCTION accounts_link_kept();
ALTER TABLE accounts_personlink ENABLE ALWAYS TRIGGER accounts_person_link_kept;
CREATE TRIGGER accounts_person_link_no_truncate BEFORE TRUNCATE ON accounts_personlink
  FOR EACH STATEMENT EXECUTE FUNCTION accounts_link_kept();
ALTER TABLE accounts_personlink ENABLE ALWAYS TRIGGER accounts_person_link_no_truncate;
CREATE TRIGGER accounts_same_person_kept BEFORE UPDATE OR DELETE ON accounts_sameperson
  FOR EACH ROW EXECUTE FUNCTION accounts_link_kept();
ALTER TABLE accounts_sameperson ENABLE ALWAYS TRIGGER accounts_same_person_kept;
CREATE TRIGGER accounts_same_person_no_truncate BEFORE TRUNCATE ON accounts_sameperson
  FOR EACH STATEMENT EXECUTE FUNCTION accounts_link_kept();
ALTER TABLE accounts_sameperson ENABLE ALWAYS TRIGGER accounts_same_person_no_truncate;

-- The pairs are written here and nowhere else: the app may only read them.
CREATE FUNCTION accounts_person_link_joins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {_PATH} AS $$
BEGIN
  PERFORM accounts_join_people(NEW.organization_id, NEW.person_id, NEW.same_as_id);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION accounts_person_link_joins() FROM PUBLIC;
CREATE TRIGGER accounts_person_link_joins AFTER INSERT ON accounts_personlink
  FOR EACH ROW EXECUTE FUNCTION accounts_person_link_joins();
ALTER TABLE accounts_personlink ENABLE ALWAYS TRIGGER accounts_person_link_joins;

-- A claim moves once, and as a link only when the link is there.
CREATE FUNCTION accounts_identity_claim_move() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state = 'linked' THEN
      {_refuse("I-11")}
    END IF;
  ELSIF to_jsonb(NEW) - 'state' - 'ended_by_id' - 'ended_at' - 'ended_reason'
        <> to_jsonb(OLD) - 'state' - 'ended_by_id' - 'ended_at' - 'ended_reason' OR OLD.state <> 'open' THEN
    {_refuse("I-11")}
  END IF;
  IF NEW.state = 'dismissed' AND cardinality(regexp_split_to_array(btrim(NEW.ended_reason), '\\s+')) < 3 THEN
    {_refuse("I-03")}
  END IF;
  IF NEW.state = 'linked' AND NOT accounts_is_same(NEW.first_id, NEW.second_id) THEN
    {_refuse("I-11")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_identity_claim_move BEFORE INSERT OR UPDATE ON accounts_identityclaim
  FOR EACH ROW EXECUTE FUNCTION accounts_identity_claim_move();
ALTER TABLE accounts_identityclaim ENABLE ALWAYS TRIGGER accounts_identity_claim_move;
CREATE TRIGGER accounts_identity_claim_kept BEFORE DELETE ON accounts_identityclaim
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE accounts_identityclaim ENABLE ALWAYS TRIGGER accounts_identity_claim_kept;
CREATE TRIGGER accounts_identity_claim_no_truncate BEFORE TRUNCATE ON accounts_identityclaim
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE accounts_identityclaim ENABLE ALWAYS TRIGGER accounts_identity_claim_no_truncate;
"""  # noqa: S608

# What a link forbids from then on, beside the same-item matrix: a second voice, and a role through the other account.
AFTER_A_LINK = f"""
CREATE FUNCTION accounts_one_voice() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE same uuid[] := accounts_same_people(NEW.person_id);
BEGIN
  IF cardinality(same) = 1 THEN RETURN NEW; END IF;
  -- The request's row is locked by every decision before it is judged, so the other one is there or not yet begun.
  PERFORM 1 FROM approvals_request r WHERE r.id = NEW.request_id FOR UPDATE;
  IF EXISTS (SELECT 1 FROM approvals_decision d WHERE d.request_id = NEW.request_id AND d.person_id = ANY (same)
                AND d.person_id <> NEW.person_id) THEN
    {_refuse("I-09")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_decision_voice BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION accounts_one_voice();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_voice;

CREATE FUNCTION accounts_one_grantee() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE same uuid[] := accounts_same_people(NEW.person_id); other text;
BEGIN
  IF cardinality(same) = 1 OR NEW.ended_at IS NOT NULL THEN RETURN NEW; END IF;
  SELECT m.role INTO other FROM accounts_membership m
   WHERE m.organization_id = NEW.organization_id AND m.person_id = ANY (same) AND m.person_id <> NEW.person_id
     AND m.ended_at IS NULL AND accounts_may_not_meet(m.role, NEW.role) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005',
      MESSAGE = format('[I-07] the roles %s and %s may not meet in one person', other, NEW.role);
  END IF;
  IF NEW.granted_by_id = ANY (same) THEN
    {_refuse("I-12")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_membership_voice BEFORE INSERT ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION accounts_one_grantee();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER accounts_membership_voice;
"""  # noqa: S608

# A decision in another's place is an act of both (remediation/approvals/delegations).
ACTS_OF_BOTH = f"""
CREATE OR REPLACE FUNCTION accounts_conflicts_between(ones uuid[], others uuid[])
RETURNS TABLE (number text, sentence text, subject_type text, subject_id uuid, cycle int)
LANGUAGE sql STABLE {_PATH} AS $$
  WITH acts AS (
    SELECT h.organization_id, h.subject_type, h.subject_id, h.cycle, h.person_id, h.duty::text AS duty,
           NULL::uuid AS requester
      FROM public.sod_hand h WHERE h.person_id = ANY ($1 || $2)
    UNION
    SELECT r.organization_id, r.subject_type, r.subject_id, r.cycle, who.person_id, a.duty::text, r.requested_by_id
      FROM public.approvals_decision d JOIN public.approvals_request r ON r.id = d.request_id
      JOIN public.approvals_action a ON a.action = r.action
     CROSS JOIN LATERAL (SELECT d.person_id UNION SELECT d.for_person_id WHERE d.for_person_id IS NOT NULL) who
     WHERE who.person_id = ANY ($1 || $2) AND r.requested_by_id = ANY ($1 || $2)
       AND r.state IN ('open', 'granted', 'refused')
  ), sides AS (
    SELECT a.subject_type, a.subject_id, a.cycle FROM acts a GROUP BY 1, 2, 3
    HAVING bool_or(a.person_id = ANY ($1) OR a.requester = ANY ($1))
       AND bool_or(a.person_id = ANY ($2) OR a.requester = ANY ($2))
  )
  SELECT DISTINCT c.number, c.sentence, a.subject_type::text, a.subject_id, a.cycle
    FROM acts a JOIN sides s ON s.subject_id = a.subject_id AND s.cycle = a.cycle AND s.subject_type = a.subject_type
   CROSS JOIN LATERAL sod_conflicts(a.organization_id, a.subject_type, a.subject_id, a.cycle, a.person_id, a.duty,
                                    sod_severity(a.subject_type, a.subject_id), a.requester) AS c
  UNION
  SELECT 'I-09', 'One person decides a request once, through whatever account.', r.subject_type, r.subject_id, r.cycle
    FROM public.approvals_decision d JOIN public.approvals_decision e ON e.request_id = d.request_id
    JOIN public.approvals_request r ON r.id = d.request_id
   WHERE ARRAY[d.person_id, d.for_person_id] && $1 AND ARRAY[e.person_id, e.for_person_id] && $2 AND d.id <> e.id
     AND r.state IN ('open', 'granted', 'refused') $$;
"""  # noqa: S608

IDENTITY = SAME_PEOPLE + IF_ONE + LINKS + AFTER_A_LINK
REMOVE_IDENTITY = """
DROP TRIGGER accounts_membership_voice ON accounts_membership;
DROP FUNCTION accounts_one_grantee();
DROP TRIGGER approvals_decision_voice ON approvals_decision;
DROP FUNCTION accounts_one_voice();
DROP TRIGGER accounts_identity_claim_no_truncate ON accounts_identityclaim;
DROP TRIGGER accounts_identity_claim_kept ON accounts_identityclaim;
DROP TRIGGER accounts_identity_claim_move ON accounts_identityclaim;
DROP FUNCTION accounts_identity_claim_move();
DROP TRIGGER accounts_same_person_no_truncate ON accounts_sameperson;
DROP TRIGGER accounts_same_person_kept ON accounts_sameperson;
DROP TRIGGER accounts_person_link_no_truncate ON accounts_personlink;
DROP TRIGGER accounts_person_link_kept ON accounts_personlink;
DROP FUNCTION accounts_link_kept();
DROP TRIGGER accounts_person_link_joins ON accounts_personlink;
DROP FUNCTION accounts_person_link_joins();
DROP TRIGGER accounts_person_link_refuse ON accounts_personlink;
DROP FUNCTION accounts_person_link_refuse();
DROP FUNCTION accounts_may_not_meet(text, text);
DROP FUNCTION accounts_holds(uuid, uuid, text);
DROP FUNCTION accounts_conflicts_if_one(uuid, uuid);
DROP FUNCTION accounts_conflicts_between(uuid[], uuid[]);
DROP FUNCTION accounts_is_past(text, uuid, int);
DROP FUNCTION accounts_join_people(uuid, uuid, uuid);
DROP TRIGGER a_identity_share ON accounts_membership;
DROP TRIGGER a_identity_share ON approvals_decision;
DROP TRIGGER a_identity_share ON sod_hand;
DROP FUNCTION accounts_identity_share();
DROP FUNCTION accounts_first_of(uuid);
DROP FUNCTION accounts_is_same(uuid, uuid);
DROP FUNCTION accounts_same_people(uuid);
"""


# Looking through somebody's eyes: whose, how long, and that it is kept.
VIEWING = f"""
CREATE FUNCTION accounts_guard_viewing() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
       OR to_jsonb(OLD) - 'ended_at' IS DISTINCT FROM to_jsonb(NEW) - 'ended_at' THEN
      {v_viewing.FAMILY.refusal("V-03")}
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' THEN {v_viewing.FAMILY.refusal("V-03")} END IF;
  IF NEW.person_id = NEW.viewer_id OR EXISTS (
    SELECT FROM accounts_membership m WHERE m.organization_id = NEW.organization_id AND m.person_id = NEW.person_id
       AND m.ended_at IS NULL AND m.role IN ('administrator', 'auditor', 'support')) THEN
    {v_viewing.FAMILY.refusal("V-01")}
  END IF;
  IF NEW.ends_at > NEW.started_at + interval '15 minutes' OR NEW.started_at > clock_timestamp() + interval '5 minutes'
  THEN
    {v_viewing.FAMILY.refusal("V-02")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_guard_viewing BEFORE INSERT OR UPDATE OR DELETE ON accounts_viewing
  FOR EACH ROW EXECUTE FUNCTION accounts_guard_viewing();
CREATE TRIGGER accounts_viewing_no_truncate BEFORE TRUNCATE ON accounts_viewing
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE accounts_viewing ENABLE ALWAYS TRIGGER accounts_guard_viewing;
ALTER TABLE accounts_viewing ENABLE ALWAYS TRIGGER accounts_viewing_no_truncate;
"""
REMOVE_VIEWING = """
DROP TRIGGER accounts_viewing_no_truncate ON accounts_viewing;
DROP TRIGGER accounts_guard_viewing ON accounts_viewing;
DROP FUNCTION accounts_guard_viewing();
"""

# Support sees structure and nobody's words; a second role would show them. A trigger of its own, beside the other pairs.
SUPPORT_ALONE = f"""
CREATE FUNCTION accounts_support_alone() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.ended_at IS NOT NULL THEN RETURN NEW; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('membership:' || NEW.person_id::text, 0));
  IF EXISTS (SELECT FROM accounts_membership m WHERE m.organization_id = NEW.organization_id
              AND m.person_id = NEW.person_id AND m.id <> NEW.id AND m.ended_at IS NULL AND m.role <> NEW.role
              AND 'support' IN (m.role, NEW.role)) THEN
    {r_roles.FAMILY.refusal("R-01")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_support_alone BEFORE INSERT OR UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION accounts_support_alone();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER accounts_support_alone;
"""
REMOVE_SUPPORT_ALONE = """
DROP TRIGGER accounts_support_alone ON accounts_membership;
DROP FUNCTION accounts_support_alone();
"""
