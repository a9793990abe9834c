"""Whose keys a call carries, and whether AWS still takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.scenario import Scenario
from lab.web.calls import Call
from lab.web.errors import Refusal

if TYPE_CHECKING:
    from lab.fleet import Fleet, Host

STATES = ("ok", "revoked", "expired")
_ACCOUNT_KEY = re.compile(r"[0-9]{12}")


@dataclass(frozen=True)
class Session:
    """Keys that AssumeRole gave out."""

    account: str
    token: str
    role: str


class Credentials:
    """A key of 12 digits belongs to that account, an instance's id to its instance profile, AssumeRole's to its role.

    Any other belongs to the portal's role.
    """

    def __init__(self, scenario: Scenario, fleet: Fleet) -> None:
        self._scenario, self._fleet = scenario, fleet
        self._sessions: dict[str, Session] = {}
        self._states: dict[str, str] = {}
        self._ended: set[str] = set()  # keys of before a switch to `expired` with renewable

    def account_of(self, access_key: str) -> str:
        if session := self._sessions.get(access_key):
            return session.account
        if host := self.host_of(access_key):
            return host.spec.account
        return access_key if _ACCOUNT_KEY.fullmatch(access_key) else self._scenario.portal_account

    def is_session(self, access_key: str) -> bool:
        """Keys that AssumeRole gave out."""
        return access_key in self._sessions

    def host_of(self, access_key: str) -> Host | None:
        """An instance's id as a key stands for the credentials of its instance profile."""
        host = self._fleet.get(access_key)
        return host if host and host.has_profile else None

    def set_state(self, account: str, state: str, *, renewable: bool = False) -> None:
        """revoked and expired refuse every call of the account's keys; renewable: AssumeRole gives good ones."""
        if state not in STATES:
            raise ValueError(f"state is one of {', '.join(STATES)}, not {state!r}")
        old = {key for key, session in self._sessions.items() if session.account == account}
        self._ended = (self._ended | old) if state == "expired" and renewable else self._ended - old
        self._states[account] = "ok" if renewable else state

    def may_be_assumed(self, account: str) -> bool:
        return self._states.get(account) != "revoked"

    def role_of(self, access_key: str) -> str:
        """The role that a session's keys are of."""
        return self._sessions[access_key].role

    def remember(self, access_key: str, account: str, token: str, role: str) -> None:
        self._sessions[access_key] = Session(account, token, role)

    def refusal(self, call: Call) -> Refusal | None:
        """Why AWS does not take the keys of this call."""
        state = self._states.get(call.account, "ok")
        if call.access_key in self._ended:
            state = "expired"
        session = self._sessions.get(call.access_key)
        forged = session is not None and session.token != call.session_token
        host = self._fleet.get(call.access_key)
        forged = forged or (host is not None and not host.has_profile)
        forged = forged or (self._scenario.bare and self._nobodys(call.access_key))
        if state == "revoked" or forged or (call.access_key and call.account not in self._known()):
            return invalid(call)
        return expired(call) if state == "expired" else None

    def _nobodys(self, access_key: str) -> bool:
        """Where nothing is set up, no key belongs to a role that nobody made."""
        known = self.is_session(access_key) or self.host_of(access_key) or _ACCOUNT_KEY.fullmatch(access_key)
        return bool(access_key) and not known

    def _known(self) -> set[str]:
        return {*self._scenario.accounts, self._scenario.portal_account}


def invalid(call: Call) -> Refusal:
    """Each service has its own word for keys that it does not know."""
    message = "The security token included in the request is invalid."
    if call.protocol == "ec2":
        return Refusal(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    if call.protocol in ("json", "rest"):
        return Refusal(400, "UnrecognizedClientException", message)
    if call.protocol == "s3":
        return Refusal(
            403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        )
    return Refusal(403, "InvalidClientTokenId", message)


def expired(call: Call) -> Refusal:
    """Each service has its own word for a session that is over."""
    message = "The security token included in the request is expired"
    if call.protocol == "ec2":
        return Refusal(400, "RequestExpired", "Request has expired.")
    if call.protocol in ("json", "rest"):
        return Refusal(400, "ExpiredTokenException", message)
    return Refusal(400 if call.protocol == "s3" else 403, "ExpiredToken", message)
