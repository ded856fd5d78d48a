"""The facts that a package can record."""

from evidence.ledger.events import Event

PACKAGE_STARTED = Event("package.started", "{actor} started {subject}")
PACKAGE_BUILT = Event("package.built", "{actor} built {subject}")
PACKAGE_SUBMITTED = Event("package.submitted", "{actor} asked for the approval of {subject}")
PACKAGE_RETURNED = Event("package.returned", "{subject} went back to draft")
PACKAGE_APPROVED = Event("package.approved", "{actor} approved {subject}")
PACKAGE_SEALED = Event("package.sealed", "{subject} was sealed")
PACKAGE_SUPERSEDED = Event("package.superseded", "A newer issue superseded {subject}")
LETTERHEAD_CHANGED = Event("letterhead.changed", "{actor} changed how documents look")
PACKAGE_DOWNLOADED = Event("package.downloaded", "{actor} downloaded {subject}")
