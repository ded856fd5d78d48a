"""Sealed bytes in an S3-compatible bucket with versions and, when wanted, Object Lock; never overwritten.

Small files go in one request, larger ones in parts, both only if nothing stands under the name (`If-None-Match: *`)
and with the SHA-256 that the server has to find. It never asks to shorten a lock or to pass by one.
"""

from django.conf import settings

from evidence.vault.backends import StorageFailed
from evidence.vault.backends.s3.bucket import Bucket
from evidence.vault.backends.s3.place import Place


def configured() -> Bucket:
    place = Place(**getattr(settings, "CLEARHOLD_S3", {}))
    if not place.bucket:
        raise StorageFailed("No bucket is set up for stored files: CLEARHOLD_S3_BUCKET is empty.")
    return Bucket(place)
