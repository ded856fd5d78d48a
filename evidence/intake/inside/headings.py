"""Which headings of columns and keys say that what stands there is about a person."""

import re
from functools import lru_cache

# Who did or approved a change is what evidence has to show: author, approver, reviewer and owner are not among them.
_SSN = re.compile(
    r"^(ssn|ssn_last_?4|social_security(_(number|no|num))?|social_sec(_no)?|ss_number|tax_?payer_id|itin)$"
)
_STUDENT = re.compile(
    r"^(student|learner|pupil|applicant|enrollee|sis|sis_user|fafsa|isir|student_sis|student_local|student_state|lea_student"
    r"|state_student)_?(id|ids|no|num|number|key|ref|uid|identifier)$|^(student|learner|pupil)_?external_id$"
)
_BIRTH = re.compile(r"^((student_|learner_)?(dob|date_of_birth|birth_?date|birth_?day|birthdate)|born_on)$")
_NAMES = re.compile(
    r"^(first|last|middle|given|family|maiden|preferred|student|learner|pupil|parent|guardian|parent_guardian|applicant|teacher"
    r"|instructor|employee|leaver|joiner|patient)(_(first|last|full|middle))?_?names?$"
    r"|^(fname|lname|surname|sur_name|forename|student|learner|pupil|guardian|parent|students|learners|pupils)$"
)
# These name a person only when most of the values look like one.
_MAYBE = re.compile(
    r"^(name|names|(full|legal|display|customer|contact|account_holder)_?name|person|people|leaver|joiner|employee|staff|member|user|contact|teacher)$"
)
_EMAIL = re.compile(r"(^|_)e_?mails?(_address(es)?)?(_|$)")


def plain(heading: str) -> str:
    """`Student ID`, `studentId` and `student-id` as `student_id`."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", heading.strip()[:80])
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


@lru_cache(maxsize=4096)
def kind_of(heading: str) -> str:
    """ssn, student_id, birth, name, maybe_name, email, or nothing."""
    word = plain(heading)
    for kind, pattern in _KINDS:
        if pattern.search(word):
            return kind
    return ""


def is_whole_name(heading: str) -> bool:
    """`full_name` and its like; a bare `name` in JSON names anything."""
    return plain(heading) in ("full_name", "fullname", "legal_name", "display_name", "customer_name", "contact_name")


_KINDS = (
    ("ssn", _SSN),
    ("student_id", _STUDENT),
    ("birth", _BIRTH),
    ("email", _EMAIL),
    ("name", _NAMES),
    ("maybe_name", _MAYBE),
)
