"""A provider that says what a test wants, set up in the portal as Okta."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.oidc_provider import OidcProvider


@pytest.fixture
def okta(settings: Settings) -> Iterator[OidcProvider]:
    provider = OidcProvider()
    settings.IDENTITY_PROVIDERS = (provider.settings(),)
    settings.PORTAL_URL = "http://testserver"
    yield provider
    provider.close()
