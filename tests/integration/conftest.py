"""Which places are silent lies in Redis, where every process sees it: each test begins with none."""

from __future__ import annotations

import uuid

import pytest

from portal.limits import circuits


@pytest.fixture(autouse=True)
def own_circuits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "KEY", f"circuits-{uuid.uuid4()}")
