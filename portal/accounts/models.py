"""People, the accounts they sign in with, and what they are in each organization.

Separation of duties looks at the person; sign-in, sessions and tokens belong to the account.
"""

from datetime import date
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from evidence import clock
from evidence.identifiers import uuid7
from evidence.organizations.models import TenantModel


class Person(models.Model):
    """One natural person, however many accounts they hold."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name


class AccountManager(BaseUserManager["Account"]):
    def get_by_natural_key(self, username: str | None) -> "Account":
        return self.get(email__iexact=username)

    def create_account(self, email: str, password: str | None, *, person: Person, **fields: Any) -> "Account":
        account = self.model(email=self.normalize_email(email).lower(), person=person, **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account


class Account(AbstractBaseUser):
    """A way to sign in: an e-mail address and a password."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="accounts")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    theme = models.CharField(max_length=5, blank=True, choices=[("light", "Light"), ("dark", "Dark")])

    objects: ClassVar[AccountManager] = AccountManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="account_email_once")]

    def __str__(self) -> str:
        return self.email

    # Django's and DRF's code ask these of a user; roles answer through portal/accounts/backend.py.
    is_staff = False
    is_superuser = False

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        from django.contrib.auth import get_backends

        return self.is_active and any(
            backend.has_perm(self, perm, obj) for backend in get_backends() if hasattr(backend, "has_perm")
        )

    def has_module_perms(self, app_label: str) -> bool:
        return False


class RoleRequest(TenantModel):
    """One administrator asks that somebody get a privileged role; another administrator decides (rule R-03).

    It is about a member (`person`), or about somebody to invite (`email`, `name`), whose invitation is made when it
    is granted.
    """

    class State(models.TextChoices):
        OPEN = "open", "Waits for a second administrator"
        GRANTED = "granted", "Granted"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    ref = models.CharField(max_length=20)
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    email = models.EmailField(max_length=254, blank=True)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=20)
    department = models.CharField(max_length=80, blank=True)
    # Empty: from the moment of the decision.
    starts_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    asked_through = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    asked_at = models.DateTimeField(default=clock.now)
    asked_proved_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    decided_through = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_proved_at = models.DateTimeField(null=True, blank=True)
    decided_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "ref"], name="role_request_ref_once"),
            models.CheckConstraint(condition=Q(person=None, email__gt="") | Q(person__isnull=False, email=""),
                                   name="role_request_of_one"),
            models.UniqueConstraint(
                fields=["organization", "person", "role"], condition=Q(state="open"), name="role_request_open_of_person"
            ),
            models.UniqueConstraint(
                fields=["organization", "email", "role"],
                condition=Q(state="open", person=None),
                name="role_request_open_of_address",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["organization", "state", "-id"], name="role_request_queue")]

    def __str__(self) -> str:
        return self.ref


class Membership(TenantModel):
    """A role of a person in an organization, for a time. A person may hold several that are not toxic together."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20)
    department = models.CharField(max_length=80, blank=True)
    starts_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Nobody where the operator of the installation gave it, by an invitation of theirs.
    granted_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # What it stands by: the invitation that was accepted, and what two administrators agreed on. Each serves once.
    invitation = models.OneToOneField(
        "accounts.Invitation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    request = models.OneToOneField(RoleRequest, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "person", "role"], condition=Q(ended_at=None), name="membership_once_per_role"
            ),
        ]
        indexes = [models.Index(fields=["person", "organization"])]


class Invitation(TenantModel):
    """A link by e-mail that lets one person in with one role. Only the hash of its token is kept."""

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=20)
    department = models.CharField(max_length=80, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    # Nobody where the operator of the installation invites: the first people, or a second administrator.
    invited_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    request = models.OneToOneField(RoleRequest, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)


class ApiToken(TenantModel):
    """A bearer token of an account in one organization: hashed, scoped, expiring."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=60))
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_on = models.DateField(null=True, blank=True)
    last_address = models.GenericIPAddressField(null=True, blank=True)
    # Networks (CIDR) it may be used from; none means from everywhere.
    networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)
    refused_address = models.GenericIPAddressField(null=True, blank=True)

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > clock.now()

    def used_today(self, today: date) -> bool:
        return self.last_used_on == today


class IdentityClaim(TenantModel):
    """Somebody says that two persons are one. It ends as a link, or dismissed with a reason that is remembered."""

    class State(models.TextChoices):
        OPEN = "open", "To confirm"
        LINKED = "linked", "One person"
        DISMISSED = "dismissed", "Two people"

    # The smaller key comes first, so that a pair has one spelling.
    first = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    evidence = ArrayField(models.CharField(max_length=20))
    reason = models.TextField()
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    ended_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(first__lt=models.F("second")), name="identity_claim_of_two"),
            models.UniqueConstraint(
                fields=["organization", "first", "second"], condition=Q(state="open"), name="identity_claim_one_open"
            ),
        ]
        indexes = [models.Index(fields=["organization", "state", "id"], name="identity_claim_queue")]

    def __str__(self) -> str:
        return f"{self.first_id} and {self.second_id}: {self.state}"


class PersonLink(TenantModel):
    """Two persons of the records are one human being, in this organization, for ever. Append-only."""

    class Confirmed(models.TextChoices):
        ADMINISTRATOR = "administrator", "A second administrator"
        PERSON = "person", "The person themselves"
        EXECUTIVE = "executive", "An executive"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    same_as = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    evidence = ArrayField(models.CharField(max_length=20))
    reason = models.TextField()
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    confirmed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    confirmed_as = models.CharField(max_length=13, choices=Confirmed)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "person", "same_as"], name="person_link_once"),
        ]


class SamePerson(TenantModel):
    """Every pair that the links make one person, both ways round: what rules compare through. Written by a trigger."""

    organization = models.ForeignKey(
        "organizations.Organization", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    other = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "other", "organization"], name="same_person_once"),
        ]


class Proof(models.Model):
    """Somebody proved who they are: when, by what, from where. Append-only; decisions lean on the row of their moment."""

    class Kind(models.TextChoices):
        PASSWORD = "password", "Password"
        TOTP = "totp", "Authenticator code"
        PASSKEY = "passkey", "Passkey"
        RECOVERY = "recovery", "Recovery code"

    class Purpose(models.TextChoices):
        SIGN_IN = "sign_in", "Signed in"
        STEP_UP = "step_up", "Proved it again"
        SET_UP = "set_up", "Set it up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="proofs")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    at = models.DateTimeField(default=clock.now)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="proof_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class SignedIn(models.Model):
    """One session of an account as its owner recognizes it: device, address, since, last seen, how it ended."""

    class End(models.TextChoices):
        SIGNED_OUT = "out", "Signed out"
        IDLE = "idle", "Nothing happened"
        AGE = "age", "Too old"
        REMOTE = "remote", "Ended from another session"
        ADMINISTRATOR = "admin", "Ended by an administrator"
        LEFT = "left", "The person left"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    began_at = models.DateTimeField(default=clock.now)
    seen_at = models.DateTimeField(default=clock.now)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=8, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_how = models.CharField(max_length=6, blank=True, choices=End.choices)

    class Meta:
        indexes = [models.Index(fields=["account", "-seen_at"], name="signed_in_newest")]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"


class Guess(models.Model):
    """A wrong password or code, kept for a day. What was tried stands here only as a hash."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8)
    subject = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True)
    # The device that this account signed in from before, when it was tried from one.
    device = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "kind", "at"], name="guess_by_subject"),
            models.Index(fields=["address", "kind", "at"], name="guess_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class Viewing(TenantModel):
    """One person looks through another's eyes from a moment until another, for a reason."""

    viewer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=300)
    started_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "viewer"], condition=Q(ended_at=None), name="viewing_one_at_a_time"
            ),
        ]


class AccessReview(TenantModel):
    """Everybody's access at one moment, judged line by line; frozen as evidence when it is finished."""

    ref = models.CharField(max_length=20)
    opened_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=clock.now)
    finished_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    finished_at = models.DateTimeField(null=True)
    artifact_ref = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "ref"], name="access_review_ref_once"),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(finished_at=None), name="access_review_one_open"
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class AccessReviewLine(TenantModel):
    """One role, token or grant of one person as it stood, and what the reviewer decided about it."""

    class Kind(models.TextChoices):
        ROLE = "role", "Role"
        TOKEN = "token", "Token"
        GRANT = "grant", "Grant"

    class Verdict(models.TextChoices):
        KEEP = "keep", "Keep"
        REVOKE = "revoke", "Revoke"

    review = models.ForeignKey(AccessReview, on_delete=models.PROTECT, related_name="lines")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    target_id = models.UUIDField()
    # As it stood: what, since when or until when, by whom granted, factors, last seen.
    facts = models.JSONField()
    verdict = models.CharField(max_length=6, blank=True, choices=Verdict.choices)
    reason = models.CharField(max_length=300, blank=True)
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["review", "person"], name="access_review_by_person")]
