"""Security Token Service behind `aws.ports.Identity`."""

from __future__ import annotations

from aws import codes
from aws.calls import Calls
from aws.errors import AccessRefused
from aws.iam import iam

SHORTEST_S = 900  # that STS makes keys for; nobody uses them


class StsAdapter:
    """Identity of one account's credentials."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("sts:GetCallerIdentity")
    def account_id(self) -> str:
        """The account that the credentials really belong to. Raises AccessRefused when they do not work."""
        return str(self._calls.call("GetCallerIdentity")["Account"])


class EntranceAdapter:
    """AssumeRole of one account's role, tried and never used: behind `aws.ports.Entrance`."""

    def __init__(self, calls: Calls, role: dict[str, str]) -> None:
        """`role` holds RoleArn and RoleSessionName."""
        self._calls, self._role = calls, role

    @iam("sts:AssumeRole")
    def opens(self, external_id: str) -> bool:
        """True where AWS gave keys, which are dropped. Only its denial is a no: expired keys say nothing."""
        given = {"ExternalId": external_id} if external_id else {}
        try:
            self._calls.call("AssumeRole", **self._role, **given, DurationSeconds=SHORTEST_S)
        except AccessRefused as error:
            if error.code.startswith(codes.ACCESS_DENIED):
                return False
            raise
        return True
