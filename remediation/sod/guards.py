"""SQL that refuses a hand which the matrix forbids, whoever inserts it and however they reached the database.

Racing hands and decisions on one cycle of an item take turns at its sod_item row. The row is inserted or locked
before anything is read, and under READ COMMITTED each later statement sees what the winner committed. A lock in
memory would not do: an import lays a hand on every one of 100,000 findings in one transaction.
"""

from remediation.sod.rulebook import a_decisions, s_same_item

# pg_temp stands last so that no temporary table can take the place of a real one.
_PATH = "SET search_path = pg_catalog, public, pg_temp"
# A plan made while a table was empty is kept for the session; by index it stays right when an import has filled it.
_BY_INDEX = f"{_PATH} SET enable_seqscan = off SET jit = off"

CONFLICTS = f"""
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

CREATE FUNCTION sod_allows_conditional(organization uuid) RETURNS boolean LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce((SELECT (p.body->>'allow_conditional')::boolean FROM public.organizations_policy p
                    WHERE p.organization_id = $1 AND p.kind = 'sod' ORDER BY p.version DESC LIMIT 1), false) $$;

-- Why a person may not take a duty: one row per rule that forbids it, none when they may. Duties that stand on a
-- role or a request come beside those of hands; `requester` is the person who asked, where there was a request.
-- All persons of one human being count together (accounts_same_people, portal/accounts/guards.py).
CREATE FUNCTION sod_conflicts(organization uuid, type text, id uuid, cycle int, person uuid, duty text,
                              severity text, requester uuid)
RETURNS TABLE (number text, sentence text) LANGUAGE plpgsql STABLE {_BY_INDEX} AS $$
DECLARE
  holds text[];
  has text[];
  conditional boolean;
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
  conditional := sod_severity_rank($7) <= 2 AND sod_allows_conditional($1);
  RETURN QUERY
    SELECT r.number::text, r.sentence::text FROM public.sod_rule r
     WHERE r.matrix_version = sod_matrix_version() AND r.wanted = $6 AND r.held = ANY (holds)
       AND CASE r.verdict
             WHEN 'Y' THEN false
             WHEN 'N' THEN NOT (r.condition = 'second_role'
                                AND EXISTS (SELECT 1 FROM unnest(has) AS role (name)
                                             WHERE role.name NOT IN ('administrator', 'auditor')))
             ELSE NOT conditional OR r.condition = 'other_cycle'
                  OR (r.condition = 'never_worked'
                      AND holds && ARRAY['implementer', 'owner', 'uploader', 'triager'])
           END
     ORDER BY r.number;
END $$;

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
  -- 2. A hand is that of the account's person; only owners and assignees are appointed by another.
  SELECT f.duty INTO bad FROM fresh f
    LEFT JOIN public.accounts_account a ON a.id = f.account_id
   WHERE a.id IS NULL OR a.person_id <> f.person_id AND f.duty NOT IN ('owner', 'implementer') LIMIT 1;
  IF FOUND THEN
    {s_same_item.FAMILY.refusal("S-40")}
  END IF;
  SELECT f.duty INTO bad FROM fresh f
   WHERE f.duty IN ('administrator', 'auditor', 'requester')
      OR f.duty NOT IN ('finder', 'owner', 'implementer', 'uploader', 'verifier', 'approver', 'acceptor', 'triager',
                        'preparer')
   LIMIT 1;
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
  RETURN NULL;
END $$;
"""  # noqa: S608
HAND_TRIGGER = """
CREATE TRIGGER sod_hand_matrix AFTER INSERT ON sod_hand REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION sod_hand_refuse();
ALTER TABLE sod_hand ENABLE ALWAYS TRIGGER sod_hand_matrix;
"""

INSTALL = CONFLICTS + HAND + HAND_TRIGGER
# What a later migration runs: the functions as they are now, under triggers that stand already.
REPLACE = (CONFLICTS + HAND).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
REMOVE = """
DROP TRIGGER sod_hand_matrix ON sod_hand;
DROP FUNCTION sod_hand_refuse();
DROP FUNCTION sod_lock_item(uuid, text, uuid, int);
DROP FUNCTION sod_conflicts(uuid, text, uuid, int, uuid, text, text, uuid);
DROP FUNCTION sod_allows_conditional(uuid);
DROP FUNCTION sod_matrix_version();
DROP FUNCTION sod_severity_rank(text);
DROP FUNCTION sod_severity(text, uuid);
"""
