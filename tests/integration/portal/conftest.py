"""Each test counts sign-ins for itself: the limits lie in the cache that all tests share."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def own_cache(settings: Settings) -> None:
    default = settings.CACHES["default"]
    settings.CACHES = {"default": default | {"KEY_PREFIX": uuid4().hex}}
