"""S3 behind `aws.ports.ObjectStore`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from aws.calls import Calls
from aws.errors import Refused, TooSlow
from aws.iam import iam

KEYS_PER_PAGE = 1000
CHUNK = 65_536


class S3Adapter:
    """Objects of one bucket at a time. `owner` tells the account that must have it: another's is refused by AWS."""

    def __init__(self, calls: Calls, owner: Callable[[], str]) -> None:
        self._calls, self._owner = calls, owner

    @iam("s3:PutObject")
    def put_once(self, bucket: str, key: str, body: bytes, *, content_type: str = "application/json") -> bool:
        """Write one object; False where one of that key exists already: nothing is ever written over."""
        what = {"Key": key, "Body": body, "ContentType": content_type}
        try:
            self._calls.call("PutObject", **self._ours(bucket), **what, IfNoneMatch="*")
        except Refused as error:
            if error.code == "PreconditionFailed":
                return False
            raise
        return True

    @iam("s3:GetObject")
    def get(self, bucket: str, key: str, *, last_bytes: int, within_s: float) -> bytes:
        """The object, or its last bytes where it is larger. Raises Missing when there is no such object, TooSlow."""
        until = time.monotonic() + within_s
        try:
            answer = self._calls.call(
                "GetObject", **self._ours(bucket), Key=key, Range=f"bytes=-{last_bytes}"
            )
        except Refused as error:
            if error.code == "InvalidRange":  # there is nothing in it
                return b""
            raise
        with self._calls.telling("GetObject"):  # the body is still on its way
            return _read(answer["Body"], last_bytes, until)

    @iam("s3:ListBucket")
    def keys(self, bucket: str, prefix: str, *, most: int) -> Iterator[str]:
        """The first `most` keys below a prefix, in S3's own order (by UTF-8 bytes)."""
        size = min(most, KEYS_PER_PAGE)
        pages = self._calls.pages("ListObjectsV2", size, **self._ours(bucket), Prefix=prefix)
        yield from islice((item["Key"] for page in pages for item in page.get("Contents", ())), most)

    def _ours(self, bucket: str) -> dict[str, str]:
        """Names of buckets are the world's: whoever took this one first would get the reports."""
        return {"Bucket": bucket, "ExpectedBucketOwner": self._owner()}


def _read(body: Any, most: int, until: float) -> bytes:
    """At most so many bytes, whatever the service sends. `until` is an instant of the monotonic clock."""
    read = bytearray()
    try:
        while len(read) < most and (part := body.read(min(CHUNK, most - len(read)))):
            read += part
            if time.monotonic() > until:
                raise TooSlow(
                    "The object did not arrive in the time that it was given.", operation="GetObject"
                )
    finally:
        body.close()  # what was not read is not fetched
    return bytes(read)
