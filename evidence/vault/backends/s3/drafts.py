"""Bytes on their way into a bucket: small ones in one request, larger ones in parts, never over what stands there."""

import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from evidence.vault.backends import StorageFailed, StorageFull
from evidence.vault.backends.s3.place import FAILURES, Place, code_of, refusal

PART_BYTES = 8 * 1024 * 1024
PARTS_MAX = 10_000
DRAFT_MARK = "clearhold-draft"
TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


class BucketDraft:
    """An upload on its way: one part in memory, the others on the server, visible to nobody before the end."""

    def __init__(
        self, client: Any, place: Place, key: str, *, lock: dict[str, Any], relock: Callable[[str], object]
    ) -> None:
        self._client, self._place, self._key = client, place, key
        self._lock, self._relock, self._mark = lock, relock, uuid4().hex
        self._held = bytearray()
        self._upload = ""
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            taken = min(len(view), PART_BYTES - len(self._held))
            self._held += view[:taken]
            view = view[taken:]
            if len(self._held) == PART_BYTES:
                self._send_part()

    def keep(self) -> str:
        try:
            if not self._upload:
                answer = self._call(
                    "put_object", Body=self._held, **_sums(self._held), **self._facts(), IfNoneMatch="*"
                )
            else:
                if self._held:
                    self._send_part()
                answer = self._call(
                    "complete_multipart_upload",
                    UploadId=self._upload,
                    MultipartUpload={"Parts": self._parts},
                    IfNoneMatch="*",
                )
        except ClientError as error:
            return self._settle(error)
        except BotoCoreError as error:
            self._refuse(error)
        return self._done(str(answer.get("VersionId", "")))

    def _done(self, version: str) -> str:
        in_parts, self._held, self._upload = bool(self._upload), bytearray(), ""
        if in_parts:
            # Some servers forget the lock that an upload in parts was begun with.
            self._relock(version)
        return version

    def discard(self) -> None:
        self._held = bytearray()
        if self._upload:
            # What can't be ended now is ended by the janitor.
            with suppress(*FAILURES):
                self._call("abort_multipart_upload", UploadId=self._upload)
            self._upload = ""

    def _settle(self, error: ClientError) -> str:
        # An answer that was lost makes the retry meet the first attempt's own object: told apart by its mark.
        if code_of(error) not in TAKEN | {"NoSuchUpload"}:
            self._refuse(error)
        try:
            found = self._call("head_object")
        except FAILURES:
            self._refuse(error)
        if found.get("Metadata", {}).get(DRAFT_MARK) == self._mark:
            return self._done(str(found.get("VersionId", "")))
        self.discard()
        raise StorageFailed(f"{self._key.rpartition('/')[2]} is stored already and is never overwritten.") from None

    def _send_part(self) -> None:
        if len(self._parts) == PARTS_MAX:
            self.discard()
            raise StorageFailed("The file is too large for the evidence store; nothing of it was kept.")
        number = len(self._parts) + 1
        try:
            if not self._upload:
                begun = self._call("create_multipart_upload", ChecksumAlgorithm="SHA256", **self._facts())
                self._upload = begun["UploadId"]
            sums = _sums(self._held)
            sent = self._call("upload_part", UploadId=self._upload, PartNumber=number, Body=self._held, **sums)
        except FAILURES as error:
            self._refuse(error)
        part = {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sums["ChecksumSHA256"]}
        self._parts.append(part)
        self._held = bytearray()

    def _facts(self) -> dict[str, Any]:
        return {"Metadata": {DRAFT_MARK: self._mark}, **self._lock}

    def _call(self, operation: str, **given: Any) -> Any:
        return getattr(self._client, operation)(Bucket=self._place.bucket, Key=self._key, **given)

    def _refuse(self, error: Exception) -> NoReturn:
        self.discard()
        refused = refusal(self._place, error, "be written")
        if isinstance(refused, StorageFull):
            raise refused from error
        raise StorageFailed(f"{refused.message} Nothing of this file was kept.") from error


def _sums(data: bytearray) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}
