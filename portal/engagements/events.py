"""The facts that an engagement can record."""

from evidence.ledger.events import Event

ENGAGEMENT_CREATED = Event("engagement.created", "{actor} opened a file for {subject}")
ENGAGEMENT_EDITED = Event("engagement.edited", "{actor} edited {subject}")
ENGAGEMENT_STATE_CHANGED = Event("engagement.state_changed", "{actor} changed the state of {subject}")
ENGAGEMENT_SCOPED = Event("engagement.scoped", "{actor} changed the scope of {subject}")
ENGAGEMENT_RELEASED = Event("engagement.released", "{actor} released rows of {subject} to its auditors")
ENGAGEMENT_GRANTED = Event("engagement.granted", "{actor} let an auditor read {subject}")
ENGAGEMENT_REVOKED = Event("engagement.revoked", "{actor} ended an auditor's access to {subject}")
ENGAGEMENT_OPENED = Event("engagement.opened", "{actor} opened something of {subject}")
