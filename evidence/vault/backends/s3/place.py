"""Where the bucket is, the client that asks it, and what its answers mean in words."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from evidence.errors import Unavailable
from evidence.vault.backends import StorageFailed, StorageFull

MISSING = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}
REFUSING = {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
FULL = {"QuotaExceeded", "InsufficientCapacity", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}  # fmt: skip
FAILURES = (BotoCoreError, ClientError)


@dataclass(frozen=True)
class Place:
    """Where the bucket is and how bytes in it are locked, as the settings say."""

    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    prefix: str = ""
    access_key: str = ""
    secret_key: str = ""
    addressing: str = "auto"
    lock_mode: str = ""
    lock_days: int = 0
    connect_seconds: int = 5
    read_seconds: int = 60
    attempts: int = 4


@lru_cache(maxsize=8)
def client(place: Place, process: int) -> Any:
    # One client a process and place: it may be shared by threads, and making one takes a tenth of a second.
    config = Config(
        connect_timeout=place.connect_seconds,
        read_timeout=place.read_seconds,
        retries={"total_max_attempts": place.attempts, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": place.addressing},
    )
    return boto3.client(
        "s3",
        endpoint_url=place.endpoint or None,
        region_name=place.region or None,
        aws_access_key_id=place.access_key or None,
        aws_secret_access_key=place.secret_key or None,
        config=config,
    )


def refusal(place: Place, error: Exception, act: str) -> Unavailable:
    """What a failure of the store means, in words for the person who waits and the operator who mends it."""
    where = f"bucket {place.bucket}" + (f" at {place.endpoint}" if place.endpoint else "")
    if isinstance(error, NoCredentialsError):
        return StorageFailed(f"The evidence store, {where}, can't {act}: no login is set up for it.")
    if not isinstance(error, ClientError):
        return StorageFailed(f"The evidence store, {where}, can't {act}: it does not answer. Try again later.")
    code = code_of(error)
    if code in FULL or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 507:
        return StorageFull(
            "The evidence store has no space left, so nothing of this file was kept. "
            "Free space or enlarge the store, then upload it again."
        )
    if code in REFUSING:
        return StorageFailed(f"The evidence store, {where}, can't {act}: it refuses our login ({code}).")
    if code == "NoSuchBucket":
        return StorageFailed(f"The evidence store can't {act}: there is no {where}.")
    return StorageFailed(f"The evidence store, {where}, can't {act} ({code}).")


def code_of(error: ClientError) -> str:
    """The name that the store gives its refusal."""
    return str(error.response.get("Error", {}).get("Code", ""))


def of(version: str) -> dict[str, str]:
    """The part of a request that names one version."""
    return {"VersionId": version} if version else {}
