"""How the fake cloud is entered: whose the credentials are, and which external id opens a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes import FakeCloud


@dataclass
class FakeEntrance:
    cloud: FakeCloud

    def opens(self, external_id: str) -> bool:
        self.cloud.call("AssumeRole", [external_id])
        return self.cloud.opens_to(external_id)


@dataclass
class FakeIdentity:
    cloud: FakeCloud
    account: str

    def account_id(self) -> str:
        self.cloud.call("GetCallerIdentity")
        return self.account
