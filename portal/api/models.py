"""Answers kept by Idempotency-Key, so that a repeated request is answered and not done again."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from evidence import clock
from evidence.organizations.models import TenantModel


class KeptAnswer(TenantModel):
    """The first answer to a key of one account. `request_sha256` binds the key to what was asked."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    # The rights that the act leaned on; whoever has lost one of them since does not get the answer again.
    rights = ArrayField(models.CharField(max_length=60), default=list)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "account", "key"], name="kept_answer_once")]
