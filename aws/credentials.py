"""Credentials of an assumed role that renew themselves before they end."""

from __future__ import annotations

from botocore.client import BaseClient
from botocore.credentials import (
    CredentialProvider,
    DeferredRefreshableCredentials,
    create_assume_role_refresher,
)


class AssumedRole(CredentialProvider):
    """The only credential source of an account's session: STS is asked at the first call, not before."""

    METHOD = "patch-portal-assume-role"

    def __init__(self, sts: BaseClient, role: dict[str, str]) -> None:
        super().__init__()
        self._sts = sts
        self._role = role

    def load(self) -> DeferredRefreshableCredentials:
        """Botocore's hook. Errors of AssumeRole surface in the call that needed the credentials."""
        return DeferredRefreshableCredentials(
            create_assume_role_refresher(self._sts, self._role), self.METHOD
        )
