"""Bytes on their way out of a bucket, from any place, by one request or many."""

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from evidence.errors import Unavailable
from evidence.vault.backends import BlobGone
from evidence.vault.backends.s3.place import FAILURES, MISSING, Place, code_of, of, refusal

FIRST_READ_BYTES = 64 * 1024
AHEAD_BYTES = 32 * 1024 * 1024


class BucketReader:
    """Reads in order come out of one open answer, others by a request each; memory holds what is asked for."""

    def __init__(self, client: Any, place: Place, key: str, location: str, version: str) -> None:
        self._client, self._place, self._key = client, place, key
        self._location, self._version = location, version
        self._body: Any = None
        self._at = self._left = 0
        self.size = 0
        self._head = self._first()

    def _first(self) -> bytes:
        try:
            answer = self._get(0, FIRST_READ_BYTES)
        except ClientError as error:
            if code_of(error) in ("InvalidRange", "416"):
                return b""
            raise self._gone(error) from error
        except BotoCoreError as error:
            raise self._gone(error) from error
        self.size = (
            int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else answer["ContentLength"]
        )
        return self._whole(answer["Body"], min(FIRST_READ_BYTES, self.size))

    def read_at(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        if self._body is None or offset != self._at or length > self._left:
            is_next = offset in (self._at, len(self._head)) or offset < len(self._head)
            self._ask(offset, max(length, AHEAD_BYTES) if is_next else length)
        try:
            return self._take(length)
        except BotoCoreError:
            # An answer that broke off half-way is asked for once more; the client's own retries don't cover it.
            self._ask(offset, length)
            try:
                return self._take(length)
            except BotoCoreError as error:
                raise self._gone(error) from error

    def _ask(self, offset: int, length: int) -> None:
        self.close()
        length = min(length, self.size - offset)
        try:
            self._body = self._get(offset, length)["Body"]
        except FAILURES as error:
            raise self._gone(error) from error
        self._at, self._left = offset, length

    def _take(self, length: int) -> bytes:
        data: bytes = self._body.read(length)
        while len(data) < length and (more := self._body.read(length - len(data))):
            data += more
        self._at, self._left = self._at + len(data), self._left - len(data)
        return data

    def _whole(self, body: Any, length: int) -> bytes:
        try:
            with body:
                data: bytes = body.read(length)
        except BotoCoreError as error:
            raise self._gone(error) from error
        return data

    def _get(self, offset: int, length: int) -> Any:
        span = f"bytes={offset}-{offset + length - 1}"
        return self._client.get_object(Bucket=self._place.bucket, Key=self._key, Range=span, **of(self._version))

    def _gone(self, error: Exception) -> Unavailable:
        if isinstance(error, ClientError) and code_of(error) in MISSING:
            return BlobGone(f"The stored bytes {self._location} are missing from the evidence store.")
        return refusal(self._place, error, "be read")

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def __del__(self) -> None:
        # A response that is dropped before its first byte never enters the block that closes.
        with suppress(AttributeError):
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
