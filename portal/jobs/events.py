"""Facts about jobs that the history keeps."""

from evidence.ledger.events import Event

JOB_STARTED_IN_EMERGENCY = Event(
    "job.started_in_emergency", "{actor} started the job {subject} while their emergency access ran"
)
