"""SQL that refuses a hand which the matrix and the organization's policy forbid, whoever inserts it and however.

Racing hands and decisions on one cycle of an item take turns at its sod_item row. The row is inserted or locked
before anything is read, and under READ COMMITTED each later statement sees what the winner committed. A lock in
memory would not do: an import lays a hand on every one of 100,000 findings in one transaction.
"""

from collections.abc import Iterable

from remediation.sod.duties import APPOINTED, STANDING, TAKEN_BY, Duty
from remediation.sod.rulebook import a_decisions, s_same_item

# pg_temp stands last so that no temporary table can take the place of a real one.
_PATH = "SET search_path = pg_catalog, public, pg_temp"
# A plan made while a table was empty is kept for the session; by index it stays right when an import has filled it.
_BY_INDEX = f"{_PATH} SET enable_seqscan = off SET jit = off"
# How few people make a team small (PRACTICE.md section 4): an exception stands only below it.
SMALL_TEAM = 3


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


_TAKEN_BY = "\n".join(f"    WHEN '{duty}' THEN ARRAY[{_words(roles)}]" for duty, roles in TAKEN_BY.items())
_HANDS = _words(str(duty) for duty in Duty if duty not in STANDING)
_APPOINTED = _words(str(duty) for duty in APPOINTED)

TERMS = f"""
CREATE FUNCTION sod_severity(type text, id uuid) RETURNS text LANGUAGE plpgsql STABLE {_PATH} AS $$
DECLARE home text := replace(lower($1), '.', '_'); found text;
BEGIN
  -- By Django's naming of tables, so that this floor need not know the ones above it. NULL means unknown.
  IF NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || quote_ident(home))
                    AND a.attname = 'severity' AND NOT a.attisdropped) THEN
    RETURN NULL;
  END IF;
  EXECUTE format('SELECT severity FROM public.%I WHERE id = $1', home) INTO found USING $2;
  RETURN nullif(found, '');
END $$;

CREATE FUNCTION sod_severity_rank(severity text) RETURNS int LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT CASE severity WHEN 'low' THEN 1 WHEN 'medium' THEN 2 WHEN 'high' THEN 3 ELSE 4 END $$;

CREATE FUNCTION sod_matrix_version() RETURNS int LANGUAGE sql STABLE {_PATH} AS $$
  SELECT max(matrix_version) FROM public.sod_rule $$;

-- The organization's own policy; an empty object while it has none, and then nothing conditional is allowed.
CREATE FUNCTION sod_policy(organization uuid) RETURNS jsonb LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce((SELECT p.body FROM public.organizations_policy p
                    WHERE p.organization_id = $1 AND p.kind = 'sod' ORDER BY p.version DESC LIMIT 1), '{{}}'::jsonb) $$;

CREATE FUNCTION sod_policy_version(organization uuid, kind text) RETURNS int LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce(max(p.version), 0) FROM public.organizations_policy p WHERE p.organization_id = $1 AND p.kind = $2 $$;

-- Whether one cell of the matrix forbids, given all that the person holds.
CREATE FUNCTION sod_forbids(verdict text, condition text, number text, holds text[], has text[], severity text,
                            policy jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public AS $$
  SELECT CASE $1
    WHEN 'Y' THEN coalesce($7 -> 'forbid' ? $3, false)
    WHEN 'N' THEN NOT ($2 = 'second_role'
                       AND EXISTS (SELECT 1 FROM unnest($5) AS role (name)
                                    WHERE role.name NOT IN ('administrator', 'auditor')))
    ELSE NOT (sod_severity_rank($6) <= 2
              AND (coalesce($7 -> 'allow' ? $3, false) OR coalesce(($7 ->> 'allow_conditional')::boolean, false)))
         OR $2 = 'other_cycle'
         OR ($2 = 'never_worked' AND $4 && ARRAY['implementer', 'owner', 'uploader', 'triager'])
  END $$;

CREATE FUNCTION sod_taken_by(duty text) RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT CASE $1
{_TAKEN_BY}
    ELSE ARRAY['approver', 'engineer', 'executive', 'manager', 'reviewer'] END $$;

-- How many people could take a duty here by their role, through an account that is switched on.
CREATE FUNCTION sod_able(organization uuid, duty text) RETURNS int LANGUAGE sql STABLE {_PATH} AS $$
  SELECT count(DISTINCT m.person_id)::int FROM public.accounts_membership m
   WHERE m.organization_id = $1 AND m.role = ANY (sod_taken_by($2)) AND m.starts_at <= clock_timestamp()
     AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
     AND EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.person_id = m.person_id AND a.is_active) $$;

-- The exception that lets this person do what the rule forbids, while one is in force and the team is still small.
CREATE FUNCTION sod_waived(organization uuid, person uuid, number text, wanted text) RETURNS uuid
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT w.id FROM public.sod_waiver w
   WHERE w.organization_id = $1 AND w.person_id = $2 AND $3 = ANY (w.rules) AND w.ended_at IS NULL
     AND w.starts_at <= clock_timestamp() AND w.ends_at > clock_timestamp() AND sod_able($1, $4) < {SMALL_TEAM}
   ORDER BY w.id LIMIT 1 $$;

-- All that the person's exceptions cover now: [["S-05", "approver"], ...]. Python's judge reads it.
CREATE FUNCTION sod_waived_of(organization uuid, person uuid) RETURNS jsonb LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(r.number, r.wanted)), '[]'::jsonb)
    FROM public.sod_waiver w JOIN public.sod_rule r
      ON r.number = ANY (w.rules) AND r.matrix_version = sod_matrix_version()
   WHERE w.organization_id = $1 AND w.person_id = $2 AND w.ended_at IS NULL
     AND w.starts_at <= clock_timestamp() AND w.ends_at > clock_timestamp() AND sod_able($1, r.wanted) < {SMALL_TEAM} $$;
"""  # noqa: S608

CONFLICTS = f"""
-- Why a person may not take a duty: one row per rule that forbids it, none when they may. Duties that stand on a
-- role or a request come beside those of hands; `requester` is the person who asked, where there was a request.
-- All persons of one human being count together (accounts_same_people, portal/accounts/guards.py).
CREATE FUNCTION sod_conflicts(organization uuid, type text, id uuid, cycle int, person uuid, duty text,
                              severity text, requester uuid)
RETURNS TABLE (number text, sentence text) LANGUAGE plpgsql STABLE {_BY_INDEX} AS $$
DECLARE
  holds text[];
  has text[];
  policy jsonb;
  same uuid[] := accounts_same_people($5);
BEGIN
  SELECT coalesce(array_agg(DISTINCT m.role), '{{}}') INTO has FROM public.accounts_membership m
   WHERE m.organization_id = $1 AND m.person_id = ANY (same) AND m.starts_at <= clock_timestamp()
     AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp());
  SELECT coalesce(array_agg(h.duty), '{{}}') INTO holds FROM public.sod_hand h
   WHERE h.organization_id = $1 AND h.subject_id = $3 AND h.subject_type = $2 AND h.cycle = $4
     AND h.person_id = ANY (same);
  IF 'administrator' = ANY (has) THEN holds := holds || 'administrator'::text; END IF;
  IF 'auditor' = ANY (has) THEN holds := holds || 'auditor'::text; END IF;
  IF $8 = ANY (same) THEN holds := holds || 'requester'::text; END IF;
  IF cardinality(holds) = 0 THEN RETURN; END IF;
  policy := sod_policy($1);
  RETURN QUERY
    SELECT r.number::text, r.sentence::text FROM public.sod_rule r
     WHERE r.matrix_version = sod_matrix_version() AND r.wanted = $6 AND r.held = ANY (holds)
       AND sod_forbids(r.verdict, r.condition, r.number, holds, has, $7, policy)
       AND sod_waived($1, $5, r.number, r.wanted) IS NULL
     ORDER BY r.number;
END $$;

-- The same question about everybody at once: each member with an account, and each rule that keeps them from the duty
-- (number NULL for whoever may take it). One statement however many people there are. `policy` asks what if.
CREATE FUNCTION sod_who_may(organization uuid, type text, id uuid, cycle int, duty text, severity text,
                            requester uuid, asked_at timestamptz, policy jsonb DEFAULT NULL)
RETURNS TABLE (person uuid, name text, roles text[], departments text[], is_active boolean, number text, held text,
               at timestamptz, about text, sentence text, waiver uuid)
LANGUAGE sql STABLE {_PATH} SET jit = off AS $$
  WITH member AS (
    SELECT m.person_id, array_agg(m.role::text ORDER BY m.role) AS has,
           array_agg(m.department::text ORDER BY m.role) AS at
      FROM public.accounts_membership m
     WHERE m.organization_id = $1 AND m.starts_at <= clock_timestamp()
       AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
     GROUP BY m.person_id
  ), alike AS (
    -- What one person of a human being holds, each of their persons holds.
    SELECT m.person_id AS person, m.person_id AS other FROM member m
    UNION ALL
    SELECT s.person_id, s.other_id FROM public.accounts_sameperson s WHERE s.organization_id = $1
  ), laid AS (
    SELECT h.person_id, h.duty::text AS duty, h.at, h.about::text AS about
      FROM public.sod_hand h
     WHERE h.organization_id = $1 AND h.subject_id = $3 AND h.subject_type = $2 AND h.cycle = $4
    UNION ALL
    SELECT m.person_id, standing.role, NULL, '' FROM member m
      JOIN (VALUES ('administrator'), ('auditor')) AS standing (role) ON standing.role = ANY (m.has)
    UNION ALL
    SELECT $7, 'requester', $8, '' WHERE $7 IS NOT NULL
  ), held AS (
    SELECT a.person AS person_id, l.duty, min(l.at) AS at, coalesce((array_agg(l.about ORDER BY l.at))[1], '') AS about
      FROM laid l JOIN alike a ON a.other = l.person_id
     GROUP BY a.person, l.duty
  ), holds AS (
    SELECT h.person_id, array_agg(h.duty) AS duties FROM held h GROUP BY h.person_id
  ), ground AS MATERIALIZED (
    -- Once, not for each person whom a rule keeps away: how small the team is counts all of them.
    SELECT coalesce($9, sod_policy($1)) AS policy, sod_matrix_version() AS version, sod_able($1, $5) < {SMALL_TEAM} AS small
  ), refused AS (
    SELECT h.person_id, r.number::text AS number, h.duty AS held, h.at, h.about, r.sentence::text AS sentence,
           CASE WHEN g.small THEN sod_waived($1, h.person_id, r.number, r.wanted) END AS waiver
      FROM ground g JOIN public.sod_rule r ON r.matrix_version = g.version AND r.wanted = $5
      JOIN held h ON h.duty = r.held
      JOIN member m ON m.person_id = h.person_id
      JOIN holds o ON o.person_id = h.person_id
     WHERE sod_forbids(r.verdict, r.condition, r.number, o.duties, m.has, $6, g.policy)
  )
  SELECT m.person_id, p.name::text, m.has, m.at,
         EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.person_id = m.person_id AND a.is_active),
         f.number, f.held, f.at, f.about, f.sentence, f.waiver
    FROM member m JOIN public.accounts_person p ON p.id = m.person_id
    LEFT JOIN refused f ON f.person_id = m.person_id
   ORDER BY p.name, m.person_id, f.number $$;
"""  # noqa: S608

LOCK = f"""
CREATE FUNCTION sod_lock_item(organization uuid, type text, id uuid, cycle int) RETURNS void
LANGUAGE plpgsql VOLATILE {_PATH} AS $$
BEGIN
  INSERT INTO public.sod_item (id, organization_id, subject_type, subject_id, cycle)
  VALUES (gen_random_uuid(), $1, $2, $3, $4) ON CONFLICT DO NOTHING;
  PERFORM 1 FROM public.sod_item i
    WHERE i.organization_id = $1 AND i.subject_type = $2 AND i.subject_id = $3 AND i.cycle = $4 FOR UPDATE;
  IF NOT FOUND THEN
    {a_decisions.FAMILY.refusal("A-01")}
  END IF;
END $$;
"""  # noqa: S608

HAND = f"""
CREATE FUNCTION sod_hand_refuse() RETURNS trigger LANGUAGE plpgsql {_BY_INDEX} AS $$
DECLARE
  known int;
  made int;
  bad record;
  one record;
BEGIN
  -- 1. Take turns. A bulk of new items makes all its rows itself and need not lock them again.
  SELECT count(*) INTO known FROM (SELECT DISTINCT organization_id, subject_type, subject_id, cycle FROM fresh) AS d;
  INSERT INTO public.sod_item (id, organization_id, subject_type, subject_id, cycle)
    SELECT gen_random_uuid(), d.organization_id, d.subject_type, d.subject_id, d.cycle
      FROM (SELECT DISTINCT organization_id, subject_type, subject_id, cycle FROM fresh) AS d
     ORDER BY d.subject_id, d.cycle
    ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS made = ROW_COUNT;
  IF made < known THEN
    FOR one IN SELECT DISTINCT subject_id, cycle, subject_type, organization_id FROM fresh ORDER BY 1, 2 LOOP
      PERFORM 1 FROM public.sod_item i
        WHERE i.subject_id = one.subject_id AND i.cycle = one.cycle AND i.subject_type = one.subject_type
          AND i.organization_id = one.organization_id FOR UPDATE;
    END LOOP;
  END IF;
  -- 2. A hand is that of the account's person; only some duties are given by another.
  SELECT f.duty INTO bad FROM fresh f
    LEFT JOIN public.accounts_account a ON a.id = f.account_id
   WHERE a.id IS NULL OR a.person_id <> f.person_id AND f.duty NOT IN ({_APPOINTED}) LIMIT 1;
  IF FOUND THEN
    {s_same_item.FAMILY.refusal("S-40")}
  END IF;
  SELECT f.duty INTO bad FROM fresh f WHERE f.duty IS NULL OR f.duty NOT IN ({_HANDS}) LIMIT 1;
  IF FOUND THEN
    {s_same_item.FAMILY.refusal("S-41")}
  END IF;
  -- 3. The matrix. On items made just now a person can hold only what this statement and their roles give them.
  IF made = known THEN
    SELECT c.number, c.sentence INTO bad
      FROM (SELECT organization_id, person_id, duty, min(subject_type) AS subject_type,
                   min(subject_id::text)::uuid AS subject_id, min(cycle) AS cycle
              FROM fresh GROUP BY organization_id, person_id, duty) AS f
     CROSS JOIN LATERAL sod_conflicts(f.organization_id, f.subject_type, f.subject_id, f.cycle, f.person_id, f.duty,
                                      sod_severity(f.subject_type, f.subject_id), NULL) AS c
     LIMIT 1;
    -- Several hands on one new item: perhaps of one human being, through whatever persons.
    IF NOT FOUND AND EXISTS (SELECT 1 FROM fresh GROUP BY organization_id, subject_type, subject_id, cycle
                             HAVING count(*) > 1) THEN
      made := -1;
    END IF;
  END IF;
  IF made <> known THEN
    FOR one IN SELECT * FROM fresh LOOP
      SELECT c.number, c.sentence INTO bad
        FROM sod_conflicts(one.organization_id, one.subject_type, one.subject_id, one.cycle, one.person_id, one.duty,
                           sod_severity(one.subject_type, one.subject_id), NULL) AS c
       LIMIT 1;
      EXIT WHEN FOUND;
    END LOOP;
  END IF;
  IF bad.number IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = format('[%s] %s', bad.number, bad.sentence);
  END IF;
  -- 4. What an exception carried is kept beside the hand, for every page and package that shows it.
  IF EXISTS (SELECT 1 FROM public.sod_waiver w JOIN fresh f
               ON f.organization_id = w.organization_id AND f.person_id = w.person_id) THEN
    INSERT INTO public.sod_waiveruse (id, organization_id, waiver_id, subject_type, subject_id, cycle, person_id, duty,
                                      rule, at)
      SELECT gen_random_uuid(), f.organization_id, w.waiver, f.subject_type, f.subject_id, f.cycle, f.person_id,
             f.duty, w.number, clock_timestamp()
        FROM fresh f
       CROSS JOIN LATERAL sod_who_may(f.organization_id, f.subject_type, f.subject_id, f.cycle, f.duty,
                                      sod_severity(f.subject_type, f.subject_id), NULL, NULL) AS w
       WHERE w.person = f.person_id AND w.waiver IS NOT NULL;
  END IF;
  RETURN NULL;
END $$;
"""  # noqa: S608
HAND_TRIGGER = """
CREATE TRIGGER sod_hand_matrix AFTER INSERT ON sod_hand REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION sod_hand_refuse();
ALTER TABLE sod_hand ENABLE ALWAYS TRIGGER sod_hand_matrix;
"""

# Functions name tables of later migrations, and PostgreSQL would look at the bodies of those in SQL when it makes them.
FUNCTIONS = f"SET LOCAL check_function_bodies = off; {TERMS}{CONFLICTS}{LOCK}{HAND}"
INSTALL = FUNCTIONS + HAND_TRIGGER
# What a later migration runs: the functions as they are now, under triggers that stand already.
REPLACE = FUNCTIONS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
REMOVE = """
DROP TRIGGER sod_hand_matrix ON sod_hand;
DROP FUNCTION sod_hand_refuse();
DROP FUNCTION sod_lock_item(uuid, text, uuid, int);
DROP FUNCTION sod_who_may(uuid, text, uuid, int, text, text, uuid, timestamptz, jsonb);
DROP FUNCTION sod_conflicts(uuid, text, uuid, int, uuid, text, text, uuid);
DROP FUNCTION sod_waived_of(uuid, uuid);
DROP FUNCTION sod_waived(uuid, uuid, text, text);
DROP FUNCTION sod_able(uuid, text);
DROP FUNCTION sod_taken_by(text);
DROP FUNCTION sod_forbids(text, text, text, text[], text[], text, jsonb);
DROP FUNCTION sod_policy_version(uuid, text);
DROP FUNCTION sod_policy(uuid);
DROP FUNCTION sod_matrix_version();
DROP FUNCTION sod_severity_rank(text);
DROP FUNCTION sod_severity(text, uuid);
"""
