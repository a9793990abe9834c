"""What programs read: what their person sees on the pages, no row more, no row less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator
from pytest_django import DjangoDbBlocker

from exceptions.models import ExceptionRequest
from patching.models import Run, Target
from portal.api.document import document, operations
from portal.inventory.models import Asset
from tests import cast
from tests.integration.api.asking import Program
from tests.integration.portal.golden.site import NOW, Site
from tests.kept_rows import kept_rows

pytestmark = pytest.mark.django_db
LISTS = ["assets", "audit-events", "exception-requests", "runs", "windows"]
HARD = ["\x00", "%00", "%ff%fe", "9" * 30, "-1", "0001-01-01", "9999-12-31", "null", "{}", "'\"<", "\ud7ff"]


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    with (
        time_machine.travel(NOW, tick=False),
        kept_rows(django_db_blocker, Site) as filled,
        django_db_blocker.unblock(),
    ):
        filled.fill()
        yield filled


@pytest.fixture(autouse=True)
def unlimited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "API_REQUESTS_A_MINUTE", 1_000_000)


def everything(program: Program, path: str) -> list[dict[str, Any]]:
    """All items of a list, page by page of two."""
    found: list[dict[str, Any]] = []
    following = f"{path}{'&' if '?' in path else '?'}size=2"
    while following:
        answer = program.get(following)
        assert answer.status_code == 200, answer.content
        said = answer.json()
        assert len(said["items"]) <= 2
        found += said["items"]
        following = (said["next"] or "").partition("/api/v1/")[2]
    return found


@pytest.mark.parametrize("who", ["ana", "bo", "cy", "ada", "audrey"])
def test_lists_hold_what_their_person_sees(site: Site, who: str) -> None:
    person = getattr(cast, who)()
    program = Program(person, may_act=False)
    seen = {
        "assets": set(Asset.objects.visible_to(person).present().values_list("pk", flat=True)),
        "runs": set(Run.objects.visible_to(person).values_list("pk", flat=True)),
        "exception-requests": set(ExceptionRequest.objects.visible_to(person).values_list("pk", flat=True)),
    }
    for path, wanted in seen.items():
        ids = [item["id"] for item in everything(program, path)]
        assert len(ids) == len(set(ids))
        assert set(ids) == wanted, path
    targets = Target.objects.visible_to(person).filter(run=site.run)
    if site.run.pk in seen["runs"]:
        ids = [item["id"] for item in everything(program, f"runs/{site.run.pk}/targets")]
        assert set(ids) == set(targets.values_list("pk", flat=True))


def test_rows_of_others_are_not_there(site: Site) -> None:
    cy, case = Program(cast.cy()), site.values["exception"]
    paths = [f"assets/{site.assets[0].pk}", f"runs/{site.run.pk}", f"runs/{site.run.pk}/targets",
             f"reports/post-patching?run={site.run.pk}", f"exception-requests/{case}"]  # fmt: skip
    for path in paths:
        assert Program(cast.ada()).get(path).status_code == 200, path
        assert cy.get(path).status_code == 404, path


@pytest.mark.parametrize(("who", "status"), [("ana", 403), ("bo", 403), ("ada", 200), ("audrey", 200)])
def test_the_audit_trail_is_for_its_readers(site: Site, who: str, status: int) -> None:
    assert Program(getattr(cast, who)()).get("audit-events").status_code == status


def test_a_token_with_one_right_sees_that_part_alone(site: Site) -> None:
    ada = cast.ada()
    own = ada.grants.create(role="owner", dimension="application", value="intranet")
    names = [item["name"] for item in everything(Program(ada, right=own), "assets")]
    assert names == ["intranet-1"]


def test_the_report_has_the_figures_of_the_page(site: Site) -> None:
    ada = cast.ada()
    client = Client()
    client.force_login(ada)
    page = client.get(f"/runs/{site.finished.pk}/report/").context
    said = Program(ada).get(f"reports/post-patching?run={site.finished.pk}&size=500").json()
    counts = page["counts"]
    assert said["run"]["counts"] == {name: getattr(counts, name) for name in said["run"]["counts"]}
    assert [item["id"] for item in said["items"]] == [row["target"].pk for row in page["rows"]]
    assert [item["outcome"] for item in said["items"]] == [row["word"] for row in page["rows"]]


def test_a_filter_finds_what_it_finds_on_the_page(site: Site) -> None:
    ada = Program(cast.ada())
    assert [item["name"] for item in everything(ada, "assets?application=intranet")] == ["intranet-1"]
    answer = ada.get("runs?state=nonsense")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "state"


@pytest.mark.parametrize("size", ["0", "501", "-1", "x", "٣", "1" * 9])
def test_a_page_has_a_size(site: Site, size: str) -> None:
    assert Program(cast.ana()).get(f"assets?size={size}").status_code == 400


def test_a_cursor_belongs_to_its_list(site: Site) -> None:
    ada = Program(cast.ada())
    cursor = ada.get("runs?size=1").json()["next"].partition("cursor=")[2]
    assert ada.get(f"assets?cursor={cursor}").status_code == 400
    assert ada.get("assets?cursor=nonsense").status_code == 400


def test_pages_survive_what_is_deleted_meanwhile(site: Site) -> None:
    ada = Program(cast.ada())
    first = ada.get("windows?size=1").json()
    seen = {first["items"][0]["slug"]}
    site.idle.__class__.objects.filter(slug__in=seen - {site.window.slug}).filter(
        runs=None, enrolments=None
    ).delete()
    rest = {item["slug"] for item in everything(ada, first["next"].partition("/api/v1/")[2])}
    assert seen | rest == {"saturday-night", "sunday-morning", "friday-noon"}


@pytest.mark.parametrize("path", [*LISTS, "reports/post-patching", "assets/{}", "runs/{}", "runs/{}/targets"])
def test_hard_values_are_refused_with_a_sentence(site: Site, path: str) -> None:
    ada = Program(cast.ada())
    names = [
        "q",
        "state",
        "cursor",
        "size",
        "run",
        "application",
        "since",
        "until",
        "show",
        "kind",
        "account",
        "verdict",
    ]
    addresses = [path.format(value) for value in HARD if "{" in path] or [
        f"{path}?{name}={value}" for name in names for value in HARD
    ]
    for address in addresses:
        answer = ada.get(address)
        assert answer.status_code < 500, address
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json", address
            assert answer.json()["detail"].endswith("."), address


def test_answers_are_as_the_document_says(site: Site) -> None:
    ada, made = Program(cast.ada()), document()
    numbers = {
        "/api/v1/assets/{id}": site.assets[0].pk,
        "/api/v1/exception-requests/{id}": site.values["exception"],
    }
    for name, operation in operations(made):
        method, _, path = name.partition(" ")
        if method != "GET":
            continue
        address = path.replace("{id}", str(numbers.get(path, site.run.pk))).removeprefix("/api/v1/")
        address += f"?run={site.run.pk}" if address.endswith("post-patching") else ""
        answer = ada.get(address)
        assert answer.status_code == 200, (address, answer.content)
        shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
        # OpenAPI 3.0 says nullable where JSON Schema has a list of types.
        schema = _json_schema({**shape, "components": made["components"]})
        Draft202012Validator(schema).validate(answer.json())


def _json_schema(value: Any) -> Any:
    if isinstance(value, list):
        return [_json_schema(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _json_schema(one) for key, one in value.items()}
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    return made
