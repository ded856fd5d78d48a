"""What can be recorded about evidence; together these are its chain of custody."""

from evidence.ledger.events import Event

ARTIFACT_RECEIVED = Event("artifact.received", "{actor} uploaded {subject}")
ARTIFACT_VERSION_ADDED = Event("artifact.version_added", "{actor} added a version to {subject}")
ARTIFACT_LINKED = Event("artifact.linked", "{actor} linked {subject}")
ARTIFACT_ACCEPTED = Event("artifact.accepted", "{actor} accepted {subject}")
ARTIFACT_RETURNED = Event("artifact.returned", "{actor} returned {subject}")
ARTIFACT_RELEASED = Event("artifact.released", "{actor} released {subject} from quarantine")
ARTIFACT_DOWNLOADED = Event("artifact.downloaded", "{actor} downloaded {subject}")
ARTIFACT_VIEWED = Event("artifact.viewed", "{actor} viewed {subject}")
ARTIFACT_VERIFIED = Event("artifact.verified", "{actor} checked the stored bytes of {subject}")
ARTIFACT_PACKAGED = Event("artifact.packaged", "{actor} sealed {subject} into a package")
ARTIFACT_CUSTODY_REPORTED = Event("artifact.custody_reported", "{actor} made the custody report of {subject}")
REDACTION_PROPOSED = Event("artifact.redaction_proposed", "{actor} made a redacted copy of {subject}")
REDACTION_APPROVED = Event("artifact.redaction_approved", "{actor} approved the redacted copy of {subject}")
REDACTION_REFUSED = Event("artifact.redaction_refused", "{actor} refused the redacted copy of {subject}")
REDACTION_UNNEEDED = Event("artifact.redaction_unneeded", "{actor} found that {subject} needs no redaction")
ARTIFACT_SCANNED = Event("artifact.scanned", "{actor} searched {subject} for malware")
ARTIFACT_SEARCHED = Event("artifact.searched", "{actor} searched {subject} for personal data")
ARTIFACT_KEPT = Event("artifact.kept", "{actor} decided that {subject} is kept as it is")
