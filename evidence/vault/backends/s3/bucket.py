"""One bucket as a store: what lies in it, what is locked, and what an operator has to mend."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from evidence import clock
from evidence.errors import Unavailable
from evidence.vault.backends import S3, Locked, Stored, checked
from evidence.vault.backends.s3.drafts import BucketDraft
from evidence.vault.backends.s3.place import FAILURES, MISSING, Place, client, code_of, of, refusal
from evidence.vault.backends.s3.readers import BucketReader

MODES = ("", "GOVERNANCE", "COMPLIANCE")
# What a store says to somebody who removes a locked object; real ones say AccessDenied as well.
LOCKED = {"AccessDenied", "ObjectLocked", "WORMProtected", "403", "InvalidRequest"}


class Bucket:
    name = S3

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = client(place, os.getpid())

    def key(self, location: str) -> str:
        return f"{self.place.prefix}{checked(location).as_posix()}"

    def draft(self, location: str) -> "BucketDraft":
        return BucketDraft(self.client, self.place, self.key(location), lock=self.lock(), relock=self._relock(location))

    def _relock(self, location: str) -> Callable[[str], object]:
        until = self.lock().get("ObjectLockRetainUntilDate")
        return lambda version: until is not None and self.lock_until(location, version, until)

    def reader(self, location: str, version: str = "") -> "BucketReader":
        return BucketReader(self.client, self.place, self.key(location), location, version)

    def listing(self, prefix: str) -> Iterator[Stored]:
        """Every version of everything under the folder `prefix`, and uploads that were begun and not ended."""
        yield from self._kept(f"{self.key(prefix)}/")
        yield from self._begun(f"{self.key(prefix)}/")

    def copies(self, location: str) -> Iterator[Stored]:
        """Every version that is kept under exactly this location."""
        for stored in self._kept(self.key(location)):
            if stored.location == location:
                yield stored

    def _kept(self, prefix: str) -> Iterator[Stored]:
        for page in self._pages("list_object_versions", prefix):
            for row in page.get("Versions", []):
                version = "" if row.get("VersionId") == "null" else row.get("VersionId", "")
                yield self._stored(row, row["LastModified"], version, size=row.get("Size", 0))

    def _begun(self, prefix: str) -> Iterator[Stored]:
        for page in self._pages("list_multipart_uploads", prefix):
            for row in page.get("Uploads", []):
                yield self._stored(row, row["Initiated"], row["UploadId"], is_draft=True)

    def _pages(self, operation: str, prefix: str) -> Iterator[Any]:
        try:
            yield from self.client.get_paginator(operation).paginate(Bucket=self.place.bucket, Prefix=prefix)
        except FAILURES as error:
            raise refusal(self.place, error, "be listed") from error

    def _stored(self, row: Any, moment: datetime, version: str, *, size: int = 0, is_draft: bool = False) -> Stored:
        location = row["Key"].removeprefix(self.place.prefix)
        return Stored(location=location, size=size, modified_at=moment, is_draft=is_draft, version=version)

    def remove(self, stored: Stored) -> None:
        """Remove one version, or end an upload that nobody ended. Raises Locked when the store keeps it."""
        key = self.key(stored.location)
        try:
            if stored.is_draft:
                self.client.abort_multipart_upload(Bucket=self.place.bucket, Key=key, UploadId=stored.version)
            else:
                self.client.delete_object(Bucket=self.place.bucket, Key=key, **of(stored.version))
        except ClientError as error:
            if code_of(error) in MISSING | {"NoSuchUpload"}:
                return
            if code_of(error) in LOCKED and not stored.is_draft and self._is_locked(key, stored.version):
                raise Locked(
                    f"The store keeps {stored.location} under a lock, so it was not removed. "
                    "It can be removed when the lock has ended."
                ) from error
            raise refusal(self.place, error, "remove files") from error
        except BotoCoreError as error:
            raise refusal(self.place, error, "remove files") from error

    def _is_locked(self, key: str, version: str) -> bool:
        facts = self._facts(key, version)
        end: datetime | None = facts.get("ObjectLockRetainUntilDate")
        return facts.get("ObjectLockLegalHoldStatus") == "ON" or (end is not None and end > clock.now())

    def _facts(self, key: str, version: str) -> dict[str, Any]:
        # One request tells of lock and hold. GetObjectRetention would need a second, and smaller servers lack it.
        try:
            found: dict[str, Any] = self.client.head_object(Bucket=self.place.bucket, Key=key, **of(version))
        except FAILURES as error:
            raise refusal(self.place, error, "be asked for locks") from error
        return found

    def lock_until(self, location: str, version: str, until: datetime) -> bool:
        """Lock these bytes at least until `until`; a lock that reaches further stays as it is.

        False when locks are not set up here. The mode never becomes weaker than it was.
        """
        if not self.place.lock_mode:
            return False
        key = self.key(location)
        facts = self._facts(key, version)
        mode, present = facts.get("ObjectLockMode", ""), facts.get("ObjectLockRetainUntilDate")
        if present is not None and present >= until:
            return True
        retention = {"Mode": max(mode, self.place.lock_mode, key=MODES.index), "RetainUntilDate": until}
        try:
            self.client.put_object_retention(
                Bucket=self.place.bucket, Key=key, Retention=retention, ChecksumAlgorithm="SHA256", **of(version)
            )
        except FAILURES as error:
            raise refusal(self.place, error, "lock files") from error
        return True

    def hold(self, location: str, version: str, *, on: bool) -> bool:
        """Put the store's own legal hold on these bytes or take it off. False when locks are not set up here."""
        if not self.place.lock_mode:
            return False
        try:
            self.client.put_object_legal_hold(
                Bucket=self.place.bucket,
                Key=self.key(location),
                LegalHold={"Status": "ON" if on else "OFF"},
                ChecksumAlgorithm="SHA256",
                **of(version),
            )
        except FAILURES as error:
            raise refusal(self.place, error, "hold files") from error
        return True

    def probe(self) -> None:
        """Raise StorageFailed when the bucket does not answer."""
        try:
            self.client.head_bucket(Bucket=self.place.bucket)
        except FAILURES as error:
            raise refusal(self.place, error, "be reached") from error

    def faults(self) -> list[str]:
        """What an operator has to mend before files are safe here: the login, versions, locks."""
        name, found = self.place.bucket, []
        if self.place.lock_mode not in MODES:
            return [f"CLEARHOLD_S3_LOCK_MODE is “{self.place.lock_mode}”; it may be GOVERNANCE, COMPLIANCE or empty."]
        if self.place.lock_mode and self.place.lock_days < 1:
            found.append("CLEARHOLD_S3_LOCK_MODE is set, but CLEARHOLD_S3_LOCK_DAYS gives no number of days.")
        try:
            self.probe()
            if self.client.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
                found.append(f"Bucket {name} keeps no versions, so a file could be replaced. Switch versioning on.")
            if self.place.lock_mode and not self._has_locks():
                found.append(
                    f"Bucket {name} has no Object Lock, which CLEARHOLD_S3_LOCK_MODE asks for. "
                    "Make a bucket with Object Lock, or leave the setting empty."
                )
        except Unavailable as failure:
            found.append(failure.message)
        except FAILURES as error:
            found.append(refusal(self.place, error, "be asked how it is set up").message)
        return found

    def _has_locks(self) -> bool:
        try:
            answer = self.client.get_object_lock_configuration(Bucket=self.place.bucket)
        except ClientError as error:
            if code_of(error) == "ObjectLockConfigurationNotFoundError":
                return False
            raise
        return bool(answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")

    def lock(self) -> dict[str, Any]:
        """What a new object is locked with."""
        if not self.place.lock_mode:
            return {}
        until = clock.now() + timedelta(days=self.place.lock_days)
        return {"ObjectLockMode": self.place.lock_mode, "ObjectLockRetainUntilDate": until}
