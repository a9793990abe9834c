"""Since when updates are open on a server: it starts with the look that finds some, and ends with one that does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from patching.models import AssetPatchState
from tests.integration.patching.stage import Stage
from tests.integration.patching.windows_cloud import WindowsCloud

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "before", "since"),
    [
        ({"installs": False}, None, "the look"),
        ({"installs": False}, LONG_AGO, LONG_AGO),
        ({"installs": True}, LONG_AGO, None),
        ({"open": []}, LONG_AGO, None),
    ],
)
def test_the_age_of_what_is_open(facts: dict[str, Any], before: datetime | None, since: Any) -> None:
    stage = Stage()
    stage.cloud = cloud = WindowsCloud(stage.clock)
    cloud.windows(1, **facts)
    run = stage.set(policy={"windows_method": "aws"})
    asset = run.window.enrolments.get().asset
    AssetPatchState.objects.create(asset=asset, updates_open_since=before, security_open_since=before)
    stage.to_the_end()
    known = AssetPatchState.objects.get(asset=asset)
    for age in (known.updates_open_since, known.security_open_since):
        assert age == since if since != "the look" else run.starts_at < age <= stage.clock()
