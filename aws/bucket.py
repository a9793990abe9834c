"""The settings of a bucket behind `aws.ports.BucketSettings`: what is looked at, never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws.calls import Calls
from aws.errors import Refused
from aws.iam import iam

# AWS answers "there is none" with an error.
NONE_SET = frozenset(
    {"NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError"}
)


class BucketAdapter:
    """Policy and settings of one bucket, which `owner` must have.

    Every method raises Missing for an unknown bucket and AccessRefused.
    """

    def __init__(self, calls: Calls, bucket: str, owner: Callable[[], str]) -> None:
        self._calls, self._bucket, self._owner = calls, bucket, owner

    @iam("s3:GetBucketPolicy")
    def policy(self) -> dict[str, Any]:
        """The policy document, empty where there is none."""
        found = self._ask("GetBucketPolicy").get("Policy")
        document: dict[str, Any] = json.loads(found) if found else {}
        return document

    @iam("s3:GetBucketOwnershipControls")
    def ownership(self) -> str:
        """BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter; empty where nothing is set."""
        rules = self._ask("GetBucketOwnershipControls").get("OwnershipControls", {}).get("Rules", ())
        return next((str(rule["ObjectOwnership"]) for rule in rules), "")

    @iam("s3:GetBucketPublicAccessBlock")
    def public_access_block(self) -> dict[str, bool]:
        """AWS's four switches by its own names; empty where nothing is set."""
        return dict(self._ask("GetPublicAccessBlock").get("PublicAccessBlockConfiguration", {}))

    @iam("s3:GetBucketVersioning")
    def versioning(self) -> str:
        """Enabled or Suspended; empty where it was never switched on."""
        return str(self._ask("GetBucketVersioning").get("Status", ""))

    def _ask(self, operation: str) -> dict[str, Any]:
        try:
            return self._calls.call(operation, Bucket=self._bucket, ExpectedBucketOwner=self._owner())
        except Refused as error:
            if error.code in NONE_SET:
                return {}
            raise
