"""What the check on duties asks of all history: one statement per judgement, over a window of the rows it judges.

Each looks at what was in force then (version of the matrix, policy, memberships, delegations, exceptions used) and at
the identity links of today. They only read; portal/watch/services.py keeps what they answer.

What they judge by is not written here a second time: cells and pairs of roles come from the tables and functions that
the guards ask, numbers and sentences from the rulebook.
"""

from dataclasses import dataclass

from portal.accounts.rulebook import r_roles
from remediation.sod.duties import APPOINTED
from remediation.sod.rulebook import a_decisions, b_break_glass, d_delegation, i_identity, s_same_item

_FAMILIES = {
    module.FAMILY.letter: module.FAMILY
    for module in (a_decisions, b_break_glass, d_delegation, i_identity, r_roles, s_same_item)
}


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''").replace("%", "%%") + "'"


def _broken(number: str, words: str = "") -> str:
    """A rule of the book as two values of a statement: its number, and what the records show or else its sentence."""
    rule = _FAMILIES[number.split("-")[0]].rule(number)
    return f"{_quoted(number)} AS rule, {_quoted(words or rule.sentence)} AS sentence"


COLUMNS = (
    "rule, sentence, subject_type, subject_id, subject_ref, cycle, person_id, other_id, act_type, act_id, act_at,"
    " matrix_version, is_proven"
)

_APPOINTED = ", ".join(f"'{duty}'" for duty in sorted(APPOINTED))

# Acts become conflicts here. `acts` has: act_type, act_id, act_at, organization_id, subject_type, subject_id,
# subject_ref, cycle, person_id, duty, matrix_version, severity, requester, preparer.
_MATRIX = """
, held AS (
  SELECT a.*, same.ids AS same, has.roles AS has, rules.body AS policy, own.duties AS own,
         own.duties || through.duties
           || CASE WHEN 'administrator' = ANY (has.roles) THEN ARRAY['administrator'] ELSE '{}'::text[] END
           || CASE WHEN 'auditor' = ANY (has.roles) THEN ARRAY['auditor'] ELSE '{}'::text[] END AS holds
    FROM acts a
   CROSS JOIN LATERAL (SELECT accounts_same_people(a.person_id) AS ids) same
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(DISTINCT m.role::text), '{}') AS roles FROM accounts_membership m
      WHERE m.organization_id = a.organization_id AND m.person_id = ANY (same.ids) AND m.starts_at <= a.act_at
        AND (m.ended_at IS NULL OR m.ended_at > a.act_at)) has
   CROSS JOIN LATERAL (
     SELECT coalesce((SELECT p.body FROM organizations_policy p WHERE p.organization_id = a.organization_id
                         AND p.kind = 'sod' AND p.effective_from <= a.act_at ORDER BY p.version DESC LIMIT 1),
                     '{}'::jsonb) AS body) rules
   CROSS JOIN LATERAL (
     SELECT ARRAY(SELECT h.duty::text FROM sod_hand h WHERE h.subject_id = a.subject_id AND h.cycle = a.cycle
                     AND h.subject_type = a.subject_type AND h.person_id = a.person_id)
            || CASE WHEN a.requester = a.person_id THEN ARRAY['requester'] ELSE '{}'::text[] END
            || CASE WHEN a.preparer = a.person_id THEN ARRAY['preparer'] ELSE '{}'::text[] END AS duties) own
   CROSS JOIN LATERAL (
     SELECT CASE WHEN cardinality(same.ids) = 1 THEN '{}'::text[] ELSE
            ARRAY(SELECT h.duty::text FROM sod_hand h WHERE h.subject_id = a.subject_id AND h.cycle = a.cycle
                     AND h.subject_type = a.subject_type AND h.person_id = ANY (same.ids))
            || CASE WHEN a.requester = ANY (same.ids) THEN ARRAY['requester'] ELSE '{}'::text[] END
            || CASE WHEN a.preparer = ANY (same.ids) THEN ARRAY['preparer'] ELSE '{}'::text[] END END AS duties
   ) through
)
SELECT r.number AS rule, r.sentence, h.subject_type, h.subject_id, h.subject_ref, h.cycle, h.person_id,
       CASE WHEN NOT r.held = ANY (h.own) THEN
         (SELECT o.person_id FROM sod_hand o WHERE o.subject_id = h.subject_id AND o.cycle = h.cycle
             AND o.subject_type = h.subject_type AND o.duty = r.held AND o.person_id = ANY (h.same)
             AND o.person_id <> h.person_id LIMIT 1) END AS other_id,
       h.act_type, h.act_id, h.act_at, h.matrix_version, true AS is_proven
  FROM held h JOIN sod_rule r ON r.matrix_version = h.matrix_version AND r.wanted = h.duty AND r.held = ANY (h.holds)
 WHERE sod_forbids(r.verdict, r.condition, r.number, h.holds, h.has, h.severity, h.policy)
   AND NOT watch_was_excepted(h.subject_type, h.subject_id, h.cycle, h.same, r.number)
"""
# An act that names no version was judged by the one that the item's requests name, else by the newest.
_VERSION = """coalesce((SELECT max(q.matrix_version) FROM approvals_request q WHERE q.subject_id = {subject}
                          AND q.cycle = {cycle}), sod_matrix_version())"""

DECISIONS = (
    """
WITH acts AS (
  SELECT 'approvals.decision' AS act_type, d.id AS act_id, d.at AS act_at, r.organization_id, r.subject_type,
         r.subject_id, r.subject_ref, r.cycle, who.person_id, a.duty::text AS duty, d.matrix_version, r.severity::text,
         r.requested_by_id AS requester, NULL::uuid AS preparer
    FROM approvals_decision d JOIN approvals_request r ON r.id = d.request_id
    JOIN approvals_action a ON a.action = r.action
   CROSS JOIN LATERAL (SELECT d.person_id UNION SELECT d.for_person_id WHERE d.for_person_id IS NOT NULL) who
   WHERE d.id > %(after)s AND d.id <= %(upto)s
)"""  # noqa: S608
    + _MATRIX
)
VERIFICATIONS = (
    f"""
WITH acts AS (
  SELECT 'tasks.verification' AS act_type, v.id AS act_id, v.at AS act_at, v.organization_id,
         'findings.finding' AS subject_type, v.finding_id AS subject_id, f.ref AS subject_ref, v.cycle,
         v.verifier_id AS person_id, 'verifier' AS duty,
         {_VERSION.format(subject="v.finding_id", cycle="v.cycle")} AS matrix_version, f.severity::text AS severity,
         NULL::uuid AS requester, NULL::uuid AS preparer
    FROM tasks_verification v JOIN findings_finding f ON f.id = v.finding_id
   WHERE v.id > %(after)s AND v.id <= %(upto)s
)"""  # noqa: S608
    + _MATRIX
    + """
UNION ALL
-- A rule of records (remediation/tasks): it has no line in the rulebook.
SELECT 'P-09', 'a verification is by a person who holds that duty', 'findings.finding', v.finding_id, f.ref, v.cycle,
       v.verifier_id, NULL::uuid, 'tasks.verification', v.id, v.at, NULL::int, true
  FROM tasks_verification v JOIN findings_finding f ON f.id = v.finding_id
 WHERE v.id > %(after)s AND v.id <= %(upto)s
   AND NOT EXISTS (SELECT 1 FROM sod_hand h WHERE h.subject_id = v.finding_id AND h.cycle = v.cycle
                      AND h.subject_type = 'findings.finding' AND h.duty = 'verifier' AND h.person_id = v.verifier_id)
"""
)
ACCEPTANCES = (
    f"""
WITH acts AS (
  SELECT 'risk.acceptance' AS act_type, k.id AS act_id, k.accepted_at AS act_at, k.organization_id,
         'findings.finding' AS subject_type, k.finding_id AS subject_id, f.ref AS subject_ref, k.cycle,
         k.accepted_by_id AS person_id, 'acceptor' AS duty,
         {_VERSION.format(subject="k.finding_id", cycle="k.cycle")} AS matrix_version, k.severity::text AS severity,
         k.requested_by_id AS requester, NULL::uuid AS preparer
    FROM risk_acceptance k JOIN findings_finding f ON f.id = k.finding_id
   WHERE k.id > %(after)s AND k.id <= %(upto)s AND k.accepted_at IS NOT NULL AND k.accepted_by_id IS NOT NULL
)"""  # noqa: S608
    + _MATRIX
    + f"""
UNION ALL
SELECT {_broken("A-10", "the risk was accepted without a granted request")}, 'findings.finding', k.finding_id, f.ref, k.cycle,
       k.accepted_by_id, NULL::uuid, 'risk.acceptance', k.id, k.accepted_at, NULL::int, true
  FROM risk_acceptance k JOIN findings_finding f ON f.id = k.finding_id
 WHERE k.id > %(after)s AND k.id <= %(upto)s AND k.accepted_at IS NOT NULL AND k.accepted_by_id IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM approvals_request r WHERE r.subject_id = k.finding_id AND r.cycle = k.cycle
                      AND r.action = 'risk.accept' AND r.state IN ('granted', 'void'))
"""  # noqa: S608
)
SEALS = (
    f"""
WITH acts AS (
  SELECT 'packages.package' AS act_type, p.id AS act_id, coalesce(p.approved_at, p.sealed_at) AS act_at,
         p.organization_id, 'packages.package' AS subject_type, p.id AS subject_id, p.ref AS subject_ref, 1 AS cycle,
         p.approved_by_id AS person_id, 'approver' AS duty,
         {_VERSION.format(subject="p.id", cycle="1")} AS matrix_version, ''::text AS severity,
         NULL::uuid AS requester, p.prepared_by_id AS preparer
    FROM packages_package p
   WHERE p.id > %(after)s AND p.id <= %(upto)s AND p.sealed_at IS NOT NULL AND p.approved_by_id IS NOT NULL
)"""  # noqa: S608
    + _MATRIX
    + f"""
UNION ALL
SELECT {_broken("A-10", "the package was sealed without a granted request")}, 'packages.package', p.id, p.ref, 1,
       coalesce(p.approved_by_id, p.prepared_by_id), NULL::uuid, 'packages.package', p.id, p.sealed_at, NULL::int, true
  FROM packages_package p
 WHERE p.id > %(after)s AND p.id <= %(upto)s AND p.sealed_at IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM approvals_request r WHERE r.subject_id = p.id AND r.action = 'package.seal'
                      AND r.state = 'granted')
"""  # noqa: S608
)
HANDS = (
    f"""
WITH acts AS (
  SELECT 'sod.hand' AS act_type, h.id AS act_id, h.at AS act_at, h.organization_id, h.subject_type::text, h.subject_id,
         ''::text AS subject_ref, h.cycle, h.person_id, h.duty::text AS duty,
         {_VERSION.format(subject="h.subject_id", cycle="h.cycle")} AS matrix_version, 'high'::text AS severity,
         NULL::uuid AS requester, NULL::uuid AS preparer
    FROM sod_hand h WHERE h.id > %(after)s AND h.id <= %(upto)s
     AND (h.duty IN ('verifier', 'approver', 'acceptor')
          OR EXISTS (SELECT 1 FROM accounts_membership m WHERE m.person_id = ANY (accounts_same_people(h.person_id))
                        AND m.organization_id = h.organization_id AND m.role IN ('administrator', 'auditor')))
), """  # noqa: S608
    # A conditional cell is judged with the act that it allowed, which knows its severity.
    + _MATRIX.lstrip().removeprefix(", ").replace("\n WHERE sod_forbids", "\n WHERE r.verdict <> 'C' AND sod_forbids")
    + f"""
UNION ALL
SELECT {_broken("S-40")}, h.subject_type, h.subject_id, '', h.cycle, h.person_id,
       a.person_id, 'sod.hand', h.id, h.at, NULL::int, true
  FROM sod_hand h LEFT JOIN accounts_account a ON a.id = h.account_id
 WHERE h.id > %(after)s AND h.id <= %(upto)s AND h.duty NOT IN ({_APPOINTED})
   AND a.person_id IS DISTINCT FROM h.person_id
"""  # noqa: S608
)
FORM = f"""
WITH part AS (
  SELECT d.*, r.subject_type, r.subject_id, r.subject_ref, r.cycle, r.content_sha256 AS asked_sha256, r.expires_at,
         a.roles, coalesce(d.for_person_id, d.person_id) AS holder
    FROM approvals_decision d JOIN approvals_request r ON r.id = d.request_id
    JOIN approvals_action a ON a.action = r.action
   WHERE d.id > %(after)s AND d.id <= %(upto)s
), wrong AS (
  SELECT p.*, {_broken("A-07", "the person held no deciding role then")}, NULL::uuid AS other FROM part p
   WHERE NOT EXISTS (SELECT 1 FROM accounts_membership m WHERE m.organization_id = p.organization_id
                        AND m.person_id = p.holder AND p.roles ? m.role::text AND m.starts_at <= p.at
                        AND (m.ended_at IS NULL OR m.ended_at > p.at))
  UNION ALL
  SELECT p.*, {_broken("A-04", "the account is not one of that person")}, a.person_id FROM part p
    LEFT JOIN accounts_account a ON a.id = p.account_id WHERE a.person_id IS DISTINCT FROM p.person_id
  UNION ALL
  SELECT p.*, {_broken("A-03")}, NULL FROM part p
   WHERE p.content_sha256 <> p.asked_sha256
  UNION ALL
  SELECT p.*, {_broken("A-05", "the decision had no proof of identity from the five minutes before")}, NULL FROM part p
   WHERE p.authenticated_at < p.at - interval '6 minutes' OR p.authenticated_at > p.at + interval '2 minutes'
  UNION ALL
  SELECT p.*, {_broken("A-09", "the request had run out of time")}, NULL FROM part p WHERE p.at > p.expires_at + interval '1 minute'
  UNION ALL
  SELECT p.*, {_broken("B-09", "the person decided while their emergency access ran")}, NULL FROM part p
   WHERE EXISTS (SELECT 1 FROM approvals_emergency e WHERE e.person_id = ANY (accounts_same_people(p.person_id))
                    AND e.activated_at <= p.at AND coalesce(e.ended_at, e.ends_at) > p.at)
  UNION ALL
  SELECT p.*, {_broken("D-14", "no delegation that ran then carried the decision")}, p.for_person_id FROM part p
   WHERE p.for_person_id IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM approvals_delegation l WHERE l.id = p.delegation_id AND l.deputy_id = p.person_id
                        AND l.giver_id = p.for_person_id AND l.accepted_at <= p.at AND l.starts_at <= p.at
                        AND l.ends_at > p.at AND (l.ended_at IS NULL OR l.ended_at > p.at))
  UNION ALL
  SELECT p.*, {_broken("I-09", "one person decided the request twice, through two accounts")}, e.person_id FROM part p
    JOIN approvals_decision e ON e.request_id = p.request_id AND e.id <> p.id
   WHERE ARRAY[e.person_id, e.for_person_id]
         && (accounts_same_people(p.person_id)
             || CASE WHEN p.for_person_id IS NULL THEN '{{}}'::uuid[] ELSE accounts_same_people(p.for_person_id) END)
)
SELECT rule, sentence, subject_type, subject_id, subject_ref, cycle, person_id, other AS other_id,
       'approvals.decision' AS act_type, id AS act_id, at AS act_at, matrix_version, true AS is_proven FROM wrong
"""  # noqa: S608
GRANTS = f"""
WITH part AS (
  SELECT r.*, a.quorum AS part_of, policy.body FROM approvals_request r JOIN approvals_action a ON a.action = r.action
   CROSS JOIN LATERAL (
     SELECT coalesce((SELECT p.body FROM organizations_policy p WHERE p.organization_id = r.organization_id
                         AND p.kind = 'quorum' AND p.effective_from <= r.requested_at ORDER BY p.version DESC LIMIT 1),
                     '{{}}'::jsonb) AS body) policy
   WHERE r.id > %(after)s AND r.id <= %(upto)s AND r.state IN ('granted', 'refused')
), votes AS (
  SELECT p.id, count(DISTINCT accounts_first_of(d.person_id)) FILTER (WHERE d.verdict = 'approve') AS people,
         count(DISTINCT nullif(d.department, '')) FILTER (WHERE d.verdict = 'approve') AS departments,
         count(*) FILTER (WHERE d.verdict = 'reject') AS rejections
    FROM part p LEFT JOIN approvals_decision d ON d.request_id = p.id AND d.content_sha256 = p.content_sha256
   GROUP BY p.id
), wrong AS (
  SELECT p.*, {_broken("A-10", "the request was granted without its quorum of people")}
    FROM part p JOIN votes v USING (id)
   WHERE p.state = 'granted' AND (v.people < p.needed OR v.rejections > 0
                                  OR (p.distinct_departments AND v.departments < p.needed))
  UNION ALL
  SELECT p.*, {_broken("A-10", "the request was refused without a rejection")} FROM part p JOIN votes v USING (id)
   WHERE p.state = 'refused' AND v.rejections = 0
  UNION ALL
  SELECT p.*, {_broken("A-15", "the content of the request is not what its hash says")} FROM part p
   WHERE encode(sha256(p.content), 'hex') <> p.content_sha256
  UNION ALL
  SELECT p.*, {_broken("A-13", "the request asked for fewer people than the policy did then")} FROM part p
   WHERE p.needed < coalesce(
           (coalesce(p.body -> p.part_of -> p.severity, p.body -> p.part_of -> 'critical') ->> 'needed')::int,
           approvals_floor(p.part_of, p.severity))
)
SELECT rule, sentence, subject_type, subject_id, subject_ref, cycle, requested_by_id AS person_id,
       NULL::uuid AS other_id, 'approvals.request' AS act_type, id AS act_id, ended_at AS act_at, matrix_version,
       true AS is_proven FROM wrong
"""  # noqa: S608
CLOSURES = f"""
SELECT {_broken("A-10", "the finding was closed without a granted request")}, 'findings.finding' AS subject_type,
       f.id AS subject_id, f.ref AS subject_ref, f.cycle, coalesce(f.owner_id, f.finder_id) AS person_id,
       NULL::uuid AS other_id, 'findings.finding' AS act_type, f.id AS act_id, f.closed_at AS act_at,
       NULL::int AS matrix_version, true AS is_proven
  FROM findings_finding f
 WHERE f.id > %(after)s AND f.id <= %(upto)s AND f.state = 'closed' AND coalesce(f.owner_id, f.finder_id) IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM approvals_request r WHERE r.subject_id = f.id AND r.cycle = f.cycle
                      AND r.action = 'finding.close' AND r.state = 'granted')
"""  # noqa: S608
# Through a link the pair is the rule of links; in one person it is the pair's own number.
ROLES = f"""
SELECT CASE WHEN n.person_id = m.person_id THEN met.number ELSE 'I-07' END AS rule,
       CASE WHEN n.person_id = m.person_id THEN met.sentence
            ELSE format('the roles %%s and %%s met in one person', least(m.role, n.role), greatest(m.role, n.role))
       END AS sentence,
       'accounts.membership' AS subject_type, m.id AS subject_id, '' AS subject_ref, 1 AS cycle, m.person_id,
       nullif(n.person_id, m.person_id) AS other_id, 'accounts.membership' AS act_type, m.id AS act_id,
       greatest(m.starts_at, n.starts_at) AS act_at, NULL::int AS matrix_version, true AS is_proven
  FROM accounts_membership m
  JOIN accounts_membership n ON n.organization_id = m.organization_id
   AND n.person_id = ANY (accounts_same_people(m.person_id))
   AND n.starts_at < coalesce(m.ended_at, 'infinity') AND m.starts_at < coalesce(n.ended_at, 'infinity')
   AND (m.starts_at, m.id) > (n.starts_at, n.id)
 CROSS JOIN LATERAL accounts_meeting(m.organization_id, m.role, n.role) met
 WHERE m.id > %(after)s AND m.id <= %(upto)s AND met.number IS NOT NULL
UNION ALL
SELECT told.rule, told.sentence, 'accounts.membership', m.id, '', 1, m.person_id,
       nullif(m.granted_by_id, m.person_id), 'accounts.membership', m.id, m.starts_at, NULL, true
  FROM accounts_membership m
 CROSS JOIN LATERAL (SELECT {_broken("R-02")} WHERE m.granted_by_id = m.person_id
                     UNION ALL
                     SELECT {_broken("I-12")} WHERE m.granted_by_id <> m.person_id) told
 WHERE m.id > %(after)s AND m.id <= %(upto)s AND m.granted_by_id = ANY (accounts_same_people(m.person_id))
"""  # noqa: S608
CLAIMS = """
SELECT u.number AS rule, u.sentence, u.subject_type, u.subject_id, '' AS subject_ref, u.cycle, c.first_id AS person_id,
       c.second_id AS other_id, 'accounts.identityclaim' AS act_type, c.id AS act_id, c.made_at AS act_at,
       NULL::int AS matrix_version, false AS is_proven
  FROM accounts_identityclaim c CROSS JOIN LATERAL accounts_conflicts_if_one(c.first_id, c.second_id) u
 WHERE c.id > %(after)s AND c.id <= %(upto)s AND c.state = 'open'
"""


@dataclass(frozen=True)
class Judgement:
    """One question: its key, how a page calls it, the table whose rows it judges, and the statement."""

    key: str
    word: str
    table: str
    statement: str


# Acts that know most come first: a conflict stands once, with the act that it was found by.
JUDGEMENTS: tuple[Judgement, ...] = (
    Judgement("decisions", "Decisions against hands, links and roles", "approvals_decision", DECISIONS),
    Judgement(
        "form", "Decisions in their form: role, proof, content, delegation, one voice", "approvals_decision", FORM
    ),
    Judgement("grants", "Granted and refused requests against their quorum", "approvals_request", GRANTS),
    Judgement("verifications", "Verifications", "tasks_verification", VERIFICATIONS),
    Judgement("acceptances", "Risk acceptances", "risk_acceptance", ACCEPTANCES),
    Judgement("closures", "Closures", "findings_finding", CLOSURES),
    Judgement("seals", "Sealed packages", "packages_package", SEALS),
    Judgement("hands", "Hands", "sod_hand", HANDS),
    Judgement("roles", "Roles", "accounts_membership", ROLES),
    Judgement("claims", "Unconfirmed claims about two accounts", "accounts_identityclaim", CLAIMS),
)
