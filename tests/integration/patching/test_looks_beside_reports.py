"""What a look tells of a patch command stands beside the command's own report, which stays as it was."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from patching.models import DispatchTarget, HostReport
from patching.operations import rescans
from patching.operations.outcomes import Outcome, Stored
from patching.states import Phase
from tests.integration.patching.stage import Stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def patched() -> DispatchTarget:
    """The patch command of a server that has told what it did."""
    stage = Stage()
    stage.cloud.add(1)
    run = stage.set()
    stage.to_the_end()
    return DispatchTarget.objects.select_related("target__run", "dispatch").get(
        dispatch__run=run, phase=Phase.PATCH
    )


def test_the_first_report_stays(patched: DispatchTarget) -> None:
    own = patched.reports.get()
    look = DispatchTarget.objects.create(
        dispatch=patched.dispatch, target=patched.target, phase=Phase.VERIFY, attempt=1
    )
    outcome = Outcome(status="Success", status_details="Success", report=own.report, source="s3")
    rescans._with_looks([Stored(look, patched.target, outcome)], patched.target.run.ends_at)
    first, second = patched.reports.order_by("pk")
    assert (first.pk, first.source, first.stored_at) == (own.pk, own.source, own.stored_at)
    assert (second.phase, second.source, second.stored_at) == (
        Phase.PATCH,
        "rescan",
        patched.target.run.ends_at,
    )


def test_a_host_reports_once(patched: DispatchTarget) -> None:
    own = patched.reports.get()
    with pytest.raises(IntegrityError, match="own_report_once"), transaction.atomic():
        HostReport.objects.create(
            row=patched, target=patched.target, phase=Phase.PATCH, status="patched", content=own.content,
            source="invocation", stored_at=own.stored_at,
        )  # fmt: skip
