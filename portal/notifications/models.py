"""What people were told: one notice per occasion, and one delivery per person. Nothing of a message is kept here."""

from django.conf import settings
from django.db import models

from evidence import clock
from evidence.organizations.models import TenantModel


class Notice(TenantModel):
    """An occasion that a rule speaks of, once. `data` holds figures, never words of people."""

    rule = models.CharField(max_length=40)
    occasion = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "rule", "occasion"], name="notice_once_per_occasion")
        ]


class Delivery(TenantModel):
    """One person's copy. Attempted without an outcome means that nobody knows: it is never sent a second time."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="deliveries")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(max_length=10, default="email")
    attempts = models.PositiveSmallIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "account", "channel"], name="delivery_once_per_person")
        ]
