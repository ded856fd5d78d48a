"""The facts about plans, tasks and verifications. Those about a plan or a verification are facts of their finding."""

from evidence.ledger.events import Event

PLAN_DRAFTED = Event("plan.drafted", "{actor} drafted the plan of {subject}")
PLAN_EDITED = Event("plan.edited", "{actor} changed the plan of {subject}")
PLAN_SUBMITTED = Event("plan.submitted", "{actor} submitted the plan of {subject} for approval")
PLAN_APPROVED = Event("plan.approved", "{actor} approved the plan of {subject}")
PLAN_REFUSED = Event("plan.refused", "{actor} sent the plan of {subject} back")
PLAN_SUPERSEDED = Event("plan.superseded", "{actor} put a new plan of {subject} in place of the old one")
TASK_ADDED = Event("task.added", "{actor} added {subject}")
TASK_EDITED = Event("task.edited", "{actor} changed {subject}")
TASK_ASSIGNED = Event("task.assigned", "{actor} assigned {subject}")
TASK_STARTED = Event("task.started", "{actor} started {subject}")
TASK_REFERENCED = Event("task.change_referenced", "{actor} named the change behind {subject}")
TASK_SUBMITTED = Event("task.submitted", "{actor} handed in {subject}")
TASK_RETURNED = Event("task.returned", "{actor} returned {subject}")
TASK_DONE = Event("task.accepted", "{actor} accepted {subject} as done")
EVIDENCE_ATTACHED = Event("finding.evidence_attached", "{actor} attached evidence to {subject}")
VERIFICATION_RECORDED = Event("finding.verification_recorded", "{actor} recorded a verification of {subject}")
