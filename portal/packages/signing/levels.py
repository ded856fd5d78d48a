"""The levels of PAdES (ETSI EN 319 142-1): how long, and with whose word, a signature can still be judged."""

from django.db import models


class Level(models.TextChoices):
    BASIC = "B-B", "B-B"
    STAMPED = "B-T", "B-T"
    LONG_TERM = "B-LT", "B-LT"
    ARCHIVE = "B-LTA", "B-LTA"


#: With these, what shows that no certificate was revoked stands in the file.
LASTING = (Level.LONG_TERM, Level.ARCHIVE)
