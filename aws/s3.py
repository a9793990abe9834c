"""S3 behind `aws.ports.ObjectStore`."""

from __future__ import annotations

from collections.abc import Iterator

from aws.calls import Calls
from aws.errors import Refused
from aws.iam import iam

KEYS_PER_PAGE = 1000


class S3Adapter:
    """Objects of one bucket at a time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("s3:PutObject")
    def put(self, bucket: str, key: str, body: bytes, *, content_type: str = "application/json") -> None:
        """Write one object, over an older one too. Raises Missing for an unknown bucket."""
        self._calls.call("PutObject", Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    @iam("s3:GetObject")
    def get(self, bucket: str, key: str, *, last_bytes: int) -> bytes:
        """The object, or its last bytes where it is larger. Raises Missing when there is no such object."""
        try:
            answer = self._calls.call("GetObject", Bucket=bucket, Key=key, Range=f"bytes=-{last_bytes}")
        except Refused as error:
            if error.code == "InvalidRange":  # there is nothing in it
                return b""
            raise
        with self._calls.telling("GetObject"):  # the body is still on its way
            body: bytes = answer["Body"].read(last_bytes)
        return body

    @iam("s3:ListBucket")
    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Keys below a prefix, in S3's own order (by UTF-8 bytes)."""
        for page in self._calls.pages("ListObjectsV2", KEYS_PER_PAGE, Bucket=bucket, Prefix=prefix):
            yield from (item["Key"] for item in page.get("Contents", ()))
