"""The defaults of every policy (version 0), as PRACTICE.md gives them. An organization's own versions start at 1."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    # PRACTICE.md 3.3; business days and holidays are counted in the organization's zone.
    "sla": {
        "triage_business_days": {"critical": 1, "high": 2, "medium": 5, "low": 10},
        "remediate_days": {"critical": 15, "high": 30, "medium": 90, "low": 180},
        "holidays": [],
    },
    # PRACTICE.md 3.2, rows 13 and 14.
    "risk_expiry": {
        "max_days": {"critical": 90, "high": 180, "medium": 365, "low": 365},
        "warn_days": [30, 14, 7, 1],
        "renewals": 2,
    },
    # PRACTICE.md 3.3, last row, and section 4: votes expire after 14 days.
    "quorum": {
        "closure": {
            "critical": {"needed": 2, "distinct_departments": True},
            "high": {"needed": 2, "distinct_departments": False},
            "medium": {"needed": 1, "distinct_departments": False},
            "low": {"needed": 1, "distinct_departments": False},
        },
        "other": {
            "critical": {"needed": 1, "distinct_departments": False},
            "high": {"needed": 1, "distinct_departments": False},
            "medium": {"needed": 1, "distinct_departments": False},
            "low": {"needed": 1, "distinct_departments": False},
        },
        "votes_expire_days": 14,
    },
    # PRACTICE.md section 4, over the matrix: which conditional rules allow (never for High and Critical), which rules
    # that allow are forbidden here, and which roles never meet besides those of the product.
    "sod": {"allow": [], "forbid": [], "toxic_roles": []},
    # SECURITY.md section 3. Only tighter limits than the installation's own can be set; see FOUNDED_WITH.
    "access": {
        "second_factor": {
            "administrator": False,
            "manager": False,
            "reviewer": False,
            "approver": False,
            "executive": False,
            "auditor": False,
            "engineer": False,
        },
        "idle_minutes": 15,
        "absolute_hours": 8,
    },
    # Whether size and root of the history may be read at a public address; they tell nothing else.
    "publication": {"checkpoints": True},
    "uploads": {"limit_bytes": 5 * 1024**3},
    # A volume of a package's exhibits is closed before it grows above this; originals above so much stay outside the PDF.
    "packages": {"volume_megabytes": 200, "attached_megabytes": 250},
    # After how many days at most every stored file was read and hashed again.
    "scrub": {"days": 7},
    # PRACTICE.md 5, retention: long for evidence, short for raw student data (16 CFR 314.4(c)(6)).
    "retention": {
        "evidence": {"years": 7, "from": "period_end"},
        "student_data": {"years": 2, "from": "last_need"},
        "draft": {"years": 2, "from": "received"},
        "package": {"years": 7, "from": "period_end"},
    },
    # E-mail addresses of these domains are the organization's own people and hold no file.
    "personal_data": {"own_domains": []},
    # PRACTICE.md 5, freshness, in days.
    "freshness": {
        "continuous": 1,
        "daily": 2,
        "weekly": 10,
        "monthly": 40,
        "quarterly": 100,
        "annual": 380,
        "policy": 365,
    },
    # PRACTICE.md 3.5: occurrences before "operating effectively" may be shown.
    "operating_history": {
        "continuous": 25,
        "daily": 20,
        "weekly": 5,
        "monthly": 2,
        "quarterly": 2,
        "half_yearly": 1,
        "annual": 1,
        "event": 25,
        "automated": 1,
    },
}

# Figures that a policy may not leave, both ends included.
LIMITS: dict[str, dict[str, tuple[int, int]]] = {
    "scrub": {"days": (1, 30)},
    "packages": {"volume_megabytes": (1, 500), "attached_megabytes": (0, 1000)},
    "access": {"idle_minutes": (2, 15), "absolute_hours": (1, 8)},
}

# The first versions that an organization begins with. Those from before keep what they have until they choose.
FOUNDED_WITH: dict[str, dict[str, Any]] = {
    "access": {
        "second_factor": {
            "administrator": True,
            "manager": True,
            "reviewer": True,
            "approver": True,
            "executive": True,
            "auditor": True,
            "engineer": False,
        },
        "idle_minutes": 15,
        "absolute_hours": 8,
    },
}

# Policies that one person alone never changes: a version stands by a granted request (rule Q-01).
DECIDED_BY_ANOTHER = frozenset({"sod", "quorum"})
