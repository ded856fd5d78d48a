"""What can be recorded about keeping and disposing; `artifact.disposed` is the certificate."""

from evidence.ledger.events import Event

ARTIFACT_CLASSIFIED = Event("artifact.classified", "{actor} changed how long {subject} is kept")
DISPOSAL_PROPOSED = Event("artifact.disposal_proposed", "{actor} found that {subject} has been kept long enough")
DISPOSAL_REQUESTED = Event("artifact.disposal_requested", "{actor} asked to dispose of {subject}")
DISPOSAL_APPROVED = Event("artifact.disposal_approved", "{actor} approved the disposal of {subject}")
DISPOSAL_REFUSED = Event("artifact.disposal_refused", "{actor} refused the disposal of {subject}")
DISPOSAL_WITHDRAWN = Event("artifact.disposal_withdrawn", "{actor} took back the disposal of {subject}")
ARTIFACT_DISPOSED = Event("artifact.disposed", "{actor} disposed of {subject}")
HOLD_SET = Event("hold.set", "{actor} set {subject}")
HOLD_RELEASED = Event("hold.released", "{actor} released {subject}")
