"""A stage for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.patching.stage import Stage


@pytest.fixture
def stage(db: None) -> Stage:
    from tests.integration.patching.stage import Stage  # models can be imported once Django is set up

    return Stage()
