"""A template that names what no view gives it shows nothing, in silence: each name that a page asks for is there."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from patching.models import Run
from portal.inventory.models import Asset
from tests import cast
from tests.integration.reports.test_query_costs import PAGES, large  # noqa: F401

pytestmark = pytest.mark.django_db
# Asked for on purpose, where nothing is an answer.
MAY_BE_MISSING = {
    "()": "components with a list that has a default",
    "current": "a tab that is not the current one",
    "fragment": "the live part of a run, on its whole page",
    "later": "what moves behind a window's edit, where nothing does",
    "violations": "of an audit that found none",
}


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(cast.NOW, tick=False):
        yield


@pytest.fixture
def missing() -> Iterator[set[tuple[str, str]]]:
    """(name, template) of each lookup that found nothing; Django tells them to nobody but its log."""
    found: set[tuple[str, str]] = set()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.args, tuple):
                found.add((str(record.args[0]), str(record.args[1])))

    log, handler = logging.getLogger("django.template"), Keep()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield found
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_that_is_not_there(
    name: str,
    large: tuple[Run, Asset],  # noqa: F811
    missing: set[tuple[str, str]],
) -> None:
    for person in (cast.ana(), cast.ada()):
        client = Client()
        client.force_login(person)
        client.get(reverse(name, args=PAGES[name](*large)))
    assert {found for found in missing if found[0] not in MAY_BE_MISSING} == set()


def test_a_name_that_is_not_there_is_found(missing: set[tuple[str, str]]) -> None:
    from django.template import Context, engines

    template = engines["django"].engine.from_string("{% if summary.dangr %}never{% endif %}")
    template.render(Context({"summary": {"danger": 1}}))
    assert {name for name, _ in missing} == {"dangr"}
