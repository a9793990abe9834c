"""From the list of servers to the page that acts on them: which servers go along."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from portal.inventory.models import Selection
from tests import cast
from tests.integration.reports.test_pages import browser

pytestmark = pytest.mark.django_db


def chosen(answer: Any) -> set[int]:
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    if "selection" in query:
        return set(Selection.objects.get(key=query["selection"][0]).asset_ids)
    return {int(pk) for pk in query["ids"][0].split(",")}


def test_all_matching_means_the_filter_and_not_the_page() -> None:
    wanted = [cast.an_asset(name=f"web-{number:03}") for number in range(60)]
    cast.an_asset(name="db-1")
    cast.an_asset(name="web-foreign", application="intranet")
    url = reverse("reports:servers-act") + "?q=web-"
    answer = browser(cast.ana).post(url, {"act": "window", "all_matching": "1", "ids": [wanted[0].pk]})
    assert answer.headers["Location"].startswith(reverse("patching:pick-window"))
    assert chosen(answer) == {asset.pk for asset in wanted}


def test_a_selection_goes_where_its_button_says() -> None:
    one, two = cast.an_asset(), cast.an_asset()
    answer = browser(cast.ana).post(
        reverse("reports:servers-act"), {"act": "exception", "ids": [one.pk, two.pk]}
    )
    assert answer.headers["Location"].startswith(reverse("exceptions:ask"))
    assert chosen(answer) == {one.pk, two.pk}


def test_an_unknown_act_is_a_sentence() -> None:
    answer = browser(cast.ana).post(reverse("reports:servers-act"), {"act": "terminate", "ids": ["1"]})
    assert answer.status_code == 400
    assert "Choose what to do with the servers" in answer.content.decode()
