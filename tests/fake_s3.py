"""S3 of the AWS in memory: the objects of the results bucket, and how the bucket is set up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws.errors import Missing

if TYPE_CHECKING:
    from tests.fakes import FakeCloud


@dataclass
class FakeObjects:
    cloud: FakeCloud

    def put_once(self, bucket: str, key: str, body: bytes, *, content_type: str = "application/json") -> bool:
        self.cloud.call("PutObject", (key,))
        fresh = key not in self.cloud.stored
        self.cloud.stored.setdefault(key, body)
        self.cloud.after("PutObject")
        return fresh

    def get(self, bucket: str, key: str, *, last_bytes: int, within_s: float) -> bytes:
        self.cloud.call("GetObject", (key,))
        if key not in self.cloud.stored:
            raise Missing(f"There is no object {key}.")
        return self.cloud.stored[key][-last_bytes:]

    def keys(self, bucket: str, prefix: str, *, most: int) -> Iterator[str]:
        self.cloud.call("ListObjectsV2", (prefix,))
        yield from sorted(key for key in self.cloud.stored if key.startswith(prefix))[:most]


@dataclass
class FakeBucket:
    cloud: FakeCloud

    def policy(self) -> dict[str, Any]:
        self.cloud.call("GetBucketPolicy")
        found: dict[str, Any] = self.cloud.bucket_has.get("policy", {})
        return found

    def ownership(self) -> str:
        self.cloud.call("GetBucketOwnershipControls")
        return str(self.cloud.bucket_has.get("ownership", ""))

    def public_access_block(self) -> dict[str, bool]:
        self.cloud.call("GetPublicAccessBlock")
        found: dict[str, bool] = self.cloud.bucket_has.get("public_access_block", {})
        return found

    def versioning(self) -> str:
        self.cloud.call("GetBucketVersioning")
        return str(self.cloud.bucket_has.get("versioning", ""))
