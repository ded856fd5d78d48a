"""What a single value or line shows of persons: numbers like a social security number, e-mail addresses, names."""

import re
from collections.abc import Iterator

SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
SSN_BARE = re.compile(r"(?!000|666|9\d\d)\d{3}(?!00)\d{2}(?!0000)\d{4}")
SSN_SAID = re.compile(r"\b(?:ssn|social security)\b\D{0,24}(?!000|666|9\d\d)\d{3}(?!00)\d{2}(?!0000)\d{4}(?!\d)", re.I)
STUDENT_SAID = re.compile(
    r"\b(?:student|learner|pupil|applicant|sis|fafsa)[\s_-]{0,2}(?:id|no\.?|number|num|#)\s{0,3}[:#=]?\s{0,3}"
    r"(?=[A-Z-]{0,4}\d)[A-Z-]{0,4}\d{4,12}\b",
    re.I,
)
BIRTH_SAID = re.compile(
    r"\b(?:date of birth|birth ?date|dob)\b\s{0,3}[:=]?\s{0,3}\d{1,4}[-/. ](?:\d{1,2}|[A-Z][a-z]{2,8})[-/. ]\d{1,4}",
    re.I,
)
EMAIL = re.compile(
    r"(?<![\w.+%-])([\w.+%-]{1,64})@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,5}([A-Za-z]{2,6}))(?![\w-])"
)
# Addresses of functions and machines are nobody's.
_NOBODY = re.compile(
    r"^(no-?_?reply|do-?_?not-?_?reply|postmaster|mailer-daemon|support|info|admin|administrator|security|abuse|help|helpdesk"
    r"|service-?desk|contact|sales|billing|privacy|legal|webmaster|hostmaster|root|git|hg|bot|notifications?|alerts?|team|dev"
    r"|ops|devops|hello|office|hr|it|services?|jobs|press|marketing|feedback|accounts?|compliance|audit|auditors?|soc|noc"
    r"|oncall|on-call|system|daemon|nobody|test|user|username|you|me|name|email|someone|somebody|first\.last)(\+.*)?$"
    r"|\[?bot\]?$|^\d+\+|-(svc|bot|ci|dev|announce|users|list|officer|team)$"
    r"|^(svc|bot|ci|app|secalert|secure|nvd|cve)(-|$)",
    re.I,
)
_NOWHERE = re.compile(
    r"(^|\.)(example\.(com|org|net|edu)|example|test|invalid|localhost|local|internal|lan|noreply\.github\.com"
    r"|gserviceaccount\.com|amazonses\.com|company\.com|yourcompany\.com|domain\.com|contoso\.com|acme\.com)$|^lists\.",
    re.I,
)
# One learner's address is enough; of others in running text it takes several.
_SCHOOL = re.compile(
    r"(^|\.)(edu|edu\.[a-z]{2}|ac\.[a-z]{2}|k12\.[a-z]{2}\.us|sch\.[a-z]{2})$|^(students?|learners?|pupils?)\.", re.I
)
# What stands after an @ in file names and packages, where an address has its country.
_FILES = frozenset(
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "ts", "css", "map", "json", "xml", "yml", "yaml", "html"]
).union(["htm", "md", "txt", "csv", "pdf", "zip", "gz", "jar", "so"])
_MASKED = re.compile(r"\*{2,}|[█▒▓░•]{1,}|x{3,}|redacted|masked|removed|withheld|anonymi[sz]ed|pseudonym", re.I)
_NOTHING = frozenset({"", "-", "—", "n/a", "na", "none", "null", "unknown", "0", "nan", "tbd"})
_NAME_WORD = re.compile(r"^(?:[A-ZÀ-ÖØ-ÞĀ-Ž][\w'’.-]{0,30}|de|da|di|van|von|der|den|bin|al|la|le|del|dos|y)$")
_NO_NAME = re.compile(
    r"\b(inc|llc|ltd|gmbh|corp|university|college|school|department|team|group|service|services|server|system|systems|policy"
    r"|production|staging|test|admin|user|account|profile|report|control|security|access|data|api|admissions|role|region)\b",
    re.I,
)


def is_given(value: str) -> bool:
    """Whether a cell holds something that isn't a mask or a word for nothing."""
    text = value.strip()
    return text.lower() not in _NOTHING and not _MASKED.search(text)


def addresses(text: str, own_domains: frozenset[str]) -> Iterator[str]:
    """Addresses that look like a person's, outside the organization."""
    if "@" not in text:
        return
    for found in EMAIL.finditer(text):
        local, domain, ending = found.group(1), found.group(2).lower(), found.group(3).lower()
        if ending in _FILES or _NOBODY.search(local) or _NOWHERE.search(domain) or _MASKED.search(local):
            continue
        if any(domain == own or domain.endswith(f".{own}") for own in own_domains):
            continue
        yield f"{local.lower()}@{domain}"


def is_school(address: str) -> bool:
    return bool(_SCHOOL.search(address.partition("@")[2]))


def looks_like_name(value: str) -> bool:
    """Two to four words, each as a name is written, or `Family, Given`."""
    words = value.replace(",", " ").split()
    return (
        2 <= len(words) <= 4
        and len(value) <= 60
        and all(_NAME_WORD.match(word) for word in words)
        and not value.isupper()
        and not _NO_NAME.search(value)
    )
