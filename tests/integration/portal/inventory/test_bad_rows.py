"""One row that nobody can show: its page names it, and shows every other one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.inventory.models import Asset
from reports.queries import servers
from tests import cast
from tests.integration.patching.stage import Stage

pytestmark = pytest.mark.django_db


def page_of(path: str) -> str:
    client = Client()
    client.force_login(cast.ada())
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_reason_that_this_version_does_not_know() -> None:
    reasons = ["of_a_later_version"]
    cast.an_asset(name="odd-1", coverage="of_a_later_version", coverage_reasons=reasons)
    cast.an_asset(name="good-1", coverage="no_owner", coverage_reasons=["no_owner"])
    page = page_of("/coverage/")
    assert "odd-1" in page
    assert "good-1" in page
    assert "Cannot be shown" in page


def test_a_server_whose_row_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    cast.an_asset(name="odd-1")
    cast.an_asset(name="good-1")
    state_of = servers.state_of

    def raising(asset: Asset, *rest: Any) -> Any:
        if asset.name == "odd-1":
            raise OverflowError("date value out of range")
        return state_of(asset, *rest)

    monkeypatch.setattr(servers, "state_of", raising)
    page = page_of(reverse("reports:my-servers"))
    assert "odd-1" in page
    assert "good-1" in page
    assert "Cannot be shown" in page


def test_the_csv_goes_on_after_it() -> None:
    cast.an_asset(name="odd-1", coverage="x", coverage_reasons=["of_a_later_version"])
    cast.an_asset(name="zzz-1", coverage="no_owner", coverage_reasons=["no_owner"])
    client = Client()
    client.force_login(cast.ada())
    text = b"".join(client.get("/coverage/servers.csv")).decode()  # type: ignore[arg-type]
    assert "odd-1" in text
    assert "zzz-1" in text


def test_a_target_in_a_state_that_this_version_does_not_know() -> None:
    stage = Stage()
    stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    run.targets.filter(asset__name="web-1").update(state="done", verdict="of_a_later_one")
    page = page_of(reverse("patching:run", args=[run.pk]))
    assert "Cannot be shown" in page
    assert "web-2" in page
