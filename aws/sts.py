"""Security Token Service behind `aws.ports.Identity`."""

from __future__ import annotations

from aws.calls import Calls
from aws.iam import iam


class StsAdapter:
    """Identity of one account's credentials."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("sts:GetCallerIdentity")
    def account_id(self) -> str:
        """The account that the credentials really belong to. Raises AccessRefused when they do not work."""
        return str(self._calls.call("GetCallerIdentity")["Account"])
