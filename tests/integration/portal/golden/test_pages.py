"""Every page of every role, in each state in which it says something else: one file of what is said, read by people.

    REWRITE_GOLDEN=1 script/test tests/integration/portal/golden

writes `pages.txt` anew. Read its difference as a reader of the portal would: is each sentence true in its state?
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import time_machine
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from aws.policies import BUCKET_SETTINGS, bucket_policy
from portal.evidence.store import store_report
from portal.inventory.setup import names
from tests.attack.rules import RULES, Rule
from tests.fake_s3 import FakeObjects
from tests.fakes import Clock, FakeCloud
from tests.integration.portal.golden.cases import ACTS, CASES, Act
from tests.integration.portal.golden.reading import said, toasts
from tests.integration.portal.golden.site import NOW, Site
from tests.integration.portal.golden.states import STATES, State, quiet
from tests.kept_rows import kept_rows
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db
GOLDEN, MARK = Path(__file__).with_name("pages.txt"), "################ "
ROLES = {
    "owner": "ana",
    "approver": "bo",
    "admin": "ada",
    "auditor": "audrey",
    "stranger": "cy",
    "visitor": "stranger",
}
# Parts of pages that stand in the whole page as well.
PARTS = {"patching:run-live", "patching:run-power-and-snapshots"}
EVERYWHERE, STATED, EXCEPTED, ANSWERED = CHAPTERS = [
    "Every page of every role",
    "States of accounts, servers and runs",
    "States of exceptions",
    "What the portal answers to what people do",
]
EMPTY_HANDED = ("owner", "admin", "auditor")  # to the others an empty portal says what it says to an owner
ROLE = "arn:aws:iam::111122223333:role/PatchPortalServer"
Lines = Iterator[str]


@pytest.fixture(scope="module")
def evening(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[pytest.MonkeyPatch]:
    """Its clock stands, AWS is a fake in which all is well, and the tables are empty."""
    with time_machine.travel(NOW, tick=False), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.AWS_PORTAL_ROLE_ARN", ROLE)
        patch.setattr("django.conf.settings.EMAIL_HOST", "")
        patch.setattr("portal.second_factor.codes.new_secret", lambda: "JBSWY3DPEHPK3PXP")
        with kept_rows(django_db_blocker, Site) as site, django_db_blocker.unblock():
            quiet()(site, patch)
            site.readers = {role: _client(site, role) for role in ROLES}
            site.cloud = _cloud(patch)
            yield site


def _cloud(patch: pytest.MonkeyPatch) -> FakeCloud:
    cloud = FakeCloud(Clock())
    cloud.add(1)
    cloud.bucket_has = {
        "policy": bucket_policy(names()), "ownership": BUCKET_SETTINGS["object_ownership"], "versioning": "Enabled",
        "public_access_block": BUCKET_SETTINGS["public_access_block"],
    }  # fmt: skip
    for module in ("portal.inventory.views.accounts", "reports.views.evidence"):
        patch.setattr(f"{module}.cloud", lambda: cloud)
    return cloud


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside goes again."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_pages_say_what_they_said(evening: Site, chapter: str) -> None:
    told = "\n".join(_chapter(chapter, evening))
    kept = _kept()
    if os.environ.get("REWRITE_GOLDEN"):
        kept[chapter] = told
        GOLDEN.write_text("".join(f"{MARK}{name}\n{kept[name]}\n" for name in CHAPTERS if name in kept))
    lines = kept.get(chapter, "").splitlines()
    changed = list(unified_diff(lines, told.splitlines(), "pages.txt", "the pages now", lineterm="", n=4))
    why = "What pages say has changed; see the beginning of this file."
    assert not changed, "\n".join([why, *changed[:200]])


def test_the_file_has_these_chapters_and_no_others() -> None:
    assert list(_kept()) == CHAPTERS


def _kept() -> dict[str, str]:
    text = GOLDEN.read_text() if GOLDEN.exists() else ""
    parts = (part.partition("\n") for part in text.split(MARK)[1:])
    return {name: body.removesuffix("\n") for name, _, body in parts}


def _chapter(name: str, site: Site) -> Lines:
    if name == EVERYWHERE:
        return _everywhere(site)
    return _answers(site) if name == ANSWERED else _in_states(site, STATES if name == STATED else CASES)


def _everywhere(site: Site) -> Lines:
    behind_sign_in = _every_page(lambda rule: not rule.rows and "stranger" not in rule.reads)
    pages = [(page, tuple(role for role in roles if role in EMPTY_HANDED)) for page, roles in behind_sign_in]
    yield from state_of("nothing is there yet", site, pages)
    with _filled(site):
        yield from state_of(
            "it is an ordinary Saturday evening", site, _every_page(lambda rule: True), hints=True
        )


def _in_states(site: Site, states: Iterable[State]) -> Lines:
    with _filled(site):
        for state in states:
            with undone(), pytest.MonkeyPatch.context() as patch:
                state.change(site, patch)
                yield from state_of(state.name, site, [(page, state.who) for page in state.pages])
            site.cloud.before = lambda name: None
            site.values["exception"] = site.request.pk


@contextmanager
def _filled(site: Site) -> Iterator[None]:
    with undone():
        _fill(site)
        yield


def _fill(site: Site) -> None:
    site.fill()
    kept = store_report(FakeObjects(site.cloud), key="evidence/1/k.txt", raw=b"PATCH-PORTAL-RESULT {}")
    site.report.evidence_key, site.report.evidence_sha256 = kept.key, kept.sha256
    with unguarded():
        site.report.save()
    site.cloud.bucket_has["policy"] = bucket_policy(names())  # it names the accounts


def _every_page(holds: Callable[[Rule], bool]) -> list[tuple[str, tuple[str, ...]]]:
    """(page, roles that may read it) of every address."""
    return [
        (" ".join([name, *rule.rows, *([f"?{urlencode(rule.query)}"] if rule.query else [])]),
         tuple(role for role, person in ROLES.items() if person in rule.reads))
        for name, rule in RULES.items()
        if rule.reads and holds(rule) and name not in PARTS and not name.endswith("-csv")
    ]  # fmt: skip


def state_of(
    name: str, site: Site, pages: Iterable[tuple[str, tuple[str, ...]]], *, hints: bool = False
) -> Lines:
    """The pages of one state; roles to whom a page says the same stand together."""
    yield f"======== When {name}"
    for page, roles in pages:
        alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for role in roles:
            answer = site.readers[role].get(address(site, page))
            if answer.headers.get("Content-Type", "").startswith("text/html") and answer.status_code != 405:
                alike[tuple(said(answer.content.decode(), hints=hints))].append(role)
        for lines, readers in ((lines, readers) for lines, readers in alike.items() if lines):
            yield f"\n{page}, to {', '.join(readers)}"
            yield from (f"    {line}" for line in lines)
    yield ""


def address(site: Site, page: str) -> str:
    name, *rows = page.split()
    query = rows.pop() if rows and rows[-1].startswith("?") else ""
    asked = {key: value.format_map(site.values) for key, value in parse_qsl(query[1:])}
    path = reverse(name, args=[site.values[row] for row in rows])
    return f"{path}?{urlencode(asked)}" if asked else path


def _client(site: Site, role: str) -> Client:
    client = Client()
    if role in site.people:
        client.force_login(site.people[role], settings.AUTHENTICATION_BACKENDS[0])
    return client


def _answers(site: Site) -> Lines:
    with _filled(site):
        for act in ACTS:
            with undone():
                act.change(site)
                yield from [f"\n{act}", *(f"    {line}" for line in _toasts(site, act))]
            site.values["exception"] = site.request.pk


def _toasts(site: Site, act: Act) -> list[str]:
    client = _client(site, act.who)
    form: dict[str, Any] = {key: str(value).format_map(site.values) for key, value in act.form.items()}
    answer = client.post(address(site, act.page), form)
    return toasts(answer) or [f"({answer.status_code}) {line}" for line in said(answer.content.decode())]
