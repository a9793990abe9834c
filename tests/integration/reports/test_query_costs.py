"""What PostgreSQL expects of each page on a fleet with a million targets: no statement reads everything for each row.

The tables are small; their statistics say that they are large, which is all that the planner looks at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching.models import (
    AssetStanding,
    Dispatch,
    DispatchTarget,
    Enrolment,
    HostReport,
    PackageChange,
    PowerHold,
    Run,
    Target,
)
from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast
from tests.integration.reports.test_pages import a_finished_run

pytestmark = pytest.mark.django_db
ROWS: dict[Any, int] = {
    Asset: 20_000, AssetStanding: 20_000, Enrolment: 20_000, Run: 3_000, Target: 1_000_000,
    PackageChange: 2_000_000, AuditEvent: 2_000_000,
    Dispatch: 10_000, DispatchTarget: 150_000, HostReport: 150_000, PowerHold: 10_000,
}  # fmt: skip
# PostgreSQL's unit is a page read in order. Reading the targets once is 12,500, once for each run 37,500,000, and once
# for each of them 10,000,000,000. What the planner knows of the columns differs from run to run by a factor of ten.
MOST = 1_000_000
PAGES: dict[str, Callable[[Run, Asset], list[Any]]] = {
    "reports:my-servers": lambda run, asset: [],
    "reports:finished": lambda run, asset: [],
    "reports:run-report": lambda run, asset: [run.pk],
    "reports:run-report-csv": lambda run, asset: [run.pk],
    "reports:run-changes": lambda run, asset: [run.pk],
    "reports:run-changes-csv": lambda run, asset: [run.pk],
    "reports:servers-csv": lambda run, asset: [],
    "reports:server": lambda run, asset: [asset.pk],
    "reports:packages": lambda run, asset: [asset.pk],
    "reports:packages-csv": lambda run, asset: [asset.pk],
    "reports:search": lambda run, asset: [],
    "patching:tonight": lambda run, asset: [],
    "patching:runs": lambda run, asset: [],
    "patching:run": lambda run, asset: [run.pk],
    "patching:run-live": lambda run, asset: [run.pk],
    "patching:run-power-and-snapshots": lambda run, asset: [run.pk],
    "patching:power-and-snapshots": lambda run, asset: [asset.pk],
    "patching:windows": lambda run, asset: [],
    "patching:window": lambda run, asset: [run.window.slug],
    "patching:plan": lambda run, asset: [run.window.slug],
    "patching:recurring": lambda run, asset: [],
    "patching:audits": lambda run, asset: [],
    "exceptions:register": lambda run, asset: [],
    "inventory:coverage": lambda run, asset: [],
    "audit:events": lambda run, asset: [],
    "people:list": lambda run, asset: [],
}
SEE_ALL = {"patching:recurring", "patching:audits", "audit:events", "people:list"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(cast.NOW, tick=False):
        yield


@pytest.fixture
def large() -> tuple[Run, Asset]:
    asset = cast.an_asset()
    run = a_finished_run(asset, cast.an_asset())
    with connection.cursor() as cursor:
        for model, count in ROWS.items():
            cursor.execute(
                "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', %s, 'relpages', 1, "
                "'reltuples', %s::real)",
                [model._meta.db_table, count],
            )
    return run, asset


def cost(sql: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    return float(plan[0]["Plan"]["Total Cost"])


def statements(person: User, address: str) -> list[str]:
    client = Client()
    client.force_login(person)
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(address, {"q": "web"})
        assert answer.status_code == 200
        b"".join(answer)
    said = [row["sql"].removeprefix("COPY (").removesuffix(") TO STDOUT (FORMAT csv)") for row in caught]
    return [sql for sql in said if sql.startswith(("SELECT", "DECLARE", "WITH"))]


@pytest.mark.parametrize("person", [cast.ana, cast.ada])
def test_no_statement_of_a_page_reads_everything_for_each_row(
    large: tuple[Run, Asset], person: Callable[[], User]
) -> None:
    dear = {}
    for page, arguments in PAGES.items():
        if page in SEE_ALL and person is not cast.ada:
            continue
        said = statements(person(), reverse(page, args=arguments(*large)))
        assert said, page
        dear |= {(page, sql): found for sql in said if (found := cost(sql)) > MOST}
    assert dear == {}
