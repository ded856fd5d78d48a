"""What the history is made of: events as they were hashed, their place in the tree, and the tree itself.

Every table here only grows. What a person may later have erased stands in EventText, beside the event; the event
holds nothing but its commitment.
"""

from django.db import models

from evidence import clock
from evidence.identifiers import uuid7
from evidence.organizations.models import Organization


class Event(models.Model):
    """One fact. `body` is the canonical JSON that was hashed; the other columns repeat it for searching.

    The organization has no foreign key in the database: row-level security already ties it to the organization the
    transaction entered, and a check per row would be the dearest part of an insert. Persons and accounts are kept
    as bare ids, because history outlives them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80)
    object_id = models.UUIDField()
    object_ref = models.CharField(max_length=80, blank=True)
    object_version = models.PositiveIntegerField()
    actor_person_id = models.UUIDField(null=True)
    actor_account_id = models.UUIDField(null=True)
    actor_system = models.CharField(max_length=80, blank=True)
    via = models.CharField(max_length=20)
    at = models.DateTimeField()
    body = models.BinaryField()
    leaf = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["object_type", "object_id", "object_version"], name="event_version_once"),
            models.CheckConstraint(condition=models.Q(object_version__gte=1), name="event_version_from_one"),
        ]
        indexes = [
            models.Index(fields=["organization", "id"], name="event_by_organization"),
            models.Index(fields=["organization", "kind", "id"], name="event_by_kind"),
            models.Index(fields=["organization", "actor_person_id", "id"], name="event_by_person"),
            models.Index(fields=["organization", "at"], name="event_by_time"),
        ]


class EventText(models.Model):
    """What a person wrote: the event's body commits to SHA-256(salt ‖ UTF-8 text). Erasing empties salt and text."""

    pk = models.CompositePrimaryKey("event_id", "field")
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="texts", db_constraint=False, db_index=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    field = models.CharField(max_length=40)
    salt = models.BinaryField(max_length=16, null=True)
    text = models.TextField(null=True)
    erased_at = models.DateTimeField(null=True)


class Queue(models.Model):
    """Events that wait for their place in the tree. A trigger fills it, the sequencer empties it."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    event_id = models.UUIDField()
    leaf = models.BinaryField(max_length=32)

    class Meta:
        indexes = [models.Index(fields=["organization", "id"], name="queue_by_organization")]


class Entry(models.Model):
    """The place of an event in its organization's tree: dense, from 0, given once."""

    pk = models.CompositePrimaryKey("organization_id", "index")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    index = models.BigIntegerField()
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="entry", db_constraint=False)

    class Meta:
        verbose_name_plural = "entries"


class Tile(models.Model):
    """256 hashes of one level of the tree, 32 bytes each; the last of a level is still growing."""

    pk = models.CompositePrimaryKey("organization_id", "level", "index")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()
    width = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(width__gte=1, width__lte=256), name="tile_width_in_range"),
        ]


class Checkpoint(models.Model):
    """A signed statement of size and root, as a C2SP signed note."""

    pk = models.CompositePrimaryKey("organization_id", "size")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    at = models.DateTimeField(default=clock.now)


class Alarm(models.Model):
    """The signer refused: while one is open, nothing may be approved or packaged."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    message = models.TextField()
    raised_at = models.DateTimeField(default=clock.now)
    cleared_at = models.DateTimeField(null=True)
    cleared_by_event = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind"], condition=models.Q(cleared_at=None), name="alarm_open_once_per_kind"
            ),
        ]


class Loss(models.Model):
    """Events that were signed and are gone, declared by an operator. What follows is signed under another origin.

    `signed_size` and `signed_root` are what the signer remembered, None when its memory was lost too.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    kept_size = models.BigIntegerField()
    signed_size = models.BigIntegerField(null=True)
    signed_root = models.BinaryField(max_length=32, null=True)
    event_id = models.UUIDField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="loss_number_once")]


class TimeStamp(models.Model):
    """An authority's word (RFC 3161) that a checkpoint's note existed at a moment: its token, verified on receipt."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    size = models.BigIntegerField()
    token = models.BinaryField()
    authority = models.CharField(max_length=300)
    stamped_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["organization", "size"], name="time_stamp_by_size")]
