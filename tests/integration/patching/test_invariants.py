"""The audit of runs: silent on runs that went well, and it sees each promise that somebody breaks by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from patching.invariants import violations
from patching.models import Dispatch, DispatchTarget, HostReport, PowerHold, Run
from patching.states import DispatchState, HoldState, TargetState
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from portal.tags.models import TagChange
from tests import cast
from tests.integration.patching.auditing import audit
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_pages import browser
from tests.kept_rows import kept_rows
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db


def a_finished_run() -> int:
    """A finished run: one patched, one woken, one failed, one blocked."""
    stage = Stage()
    stage.cloud.add(1)
    stage.cloud.add(2, state="stopped")
    stage.cloud.add(3, patch="failed")
    stage.cloud.add(4, precheck="blocked")
    run = stage.set(policy={"stop_at_error_percent": 100, "waves": [{"name": "Canary", "count": 2}]})
    stage.to_the_end()
    return run.pk


@pytest.fixture(scope="module")
def finished(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
    with kept_rows(django_db_blocker, a_finished_run) as pk:
        yield pk


@pytest.fixture
def run(finished: int, db: None) -> Run:
    return Run.objects.get(pk=finished)


def broken(run: Run) -> set[str]:
    return {item.invariant for item in violations([run.pk])}


def test_a_run_that_went_well_breaks_nothing(run: Run) -> None:
    assert violations([run.pk]) == []
    out = StringIO()
    call_command("audit_runs", run=run.pk, stdout=out)
    assert "every invariant holds" in out.getvalue()


def test_a_command_outside_its_window(run: Run) -> None:
    run.dispatches.filter(phase="patch").update(claimed_at=run.starts_at - timedelta(seconds=1))
    assert "I2" in broken(run)


def test_a_send_limit_past_the_cutoff(run: Run) -> None:
    run.dispatches.filter(phase="patch").update(send_before=run.cutoff_at + timedelta(seconds=1))
    assert broken(run) == {"I2"}


def test_a_command_that_is_still_open(run: Run) -> None:
    Dispatch.objects.filter(pk=run.dispatches.all()[0].pk).update(state=DispatchState.SENT)
    assert broken(run) == {"I4"}


def test_a_result_that_was_lost(run: Run) -> None:
    with unguarded():
        HostReport.objects.filter(target__run=run).first().delete()
    assert broken(run) == {"I4"}


def test_a_host_that_was_never_collected(run: Run) -> None:
    DispatchTarget.objects.filter(dispatch__run=run).update(collected_at=None)
    assert broken(run) == {"I4", "I13"}  # its verdict has no answer of its own, then


def test_a_target_that_never_ended(run: Run) -> None:
    run.targets.filter(verdict="patched").update(state=TargetState.READY)
    assert {"I5"} <= broken(run)


def test_an_end_without_a_reason(run: Run) -> None:
    run.targets.filter(state=TargetState.BLOCKED).update(reason="")
    assert broken(run) == {"I5"}


def test_a_host_that_stays_on(run: Run) -> None:
    PowerHold.objects.filter(run=run).update(state=HoldState.HELD)
    assert broken(run) == {"I6"}


def test_a_tag_that_stays(run: Run) -> None:
    TagChange.objects.filter(run_id=run.pk, key="ssm-patch-now", value=None).delete()
    assert broken(run) == {"I7"}


def test_a_wave_before_its_turn(run: Run) -> None:
    run.waves.filter(number=2).update(begun_at=run.ends_at)
    assert broken(run) == {"I8"}


def test_a_move_that_nobody_tells(run: Run) -> None:
    run.targets.filter(state=TargetState.BLOCKED).update(state=TargetState.HALTED)
    assert broken(run) == {"I10"}
    assert AuditEvent.objects.filter(run_id=run.pk).exists()


def test_the_command_names_each_and_ends_with_1(run: Run) -> None:
    run.targets.filter(state=TargetState.BLOCKED).update(reason="")
    out = StringIO()
    with pytest.raises(CommandError, match="1 violations in 1 runs") as error:
        call_command("audit_runs", run=run.pk, stdout=out)
    assert error.value.returncode == 1
    assert f"I5 run {run.pk}: web-4 is blocked without a reason." in out.getvalue()
    with pytest.raises(CommandError, match="There is no run 999999"):
        call_command("audit_runs", run=999_999)


class TestNightly:
    def test_keeps_what_it_found_and_tells_the_admins(self, run: Run) -> None:
        now = run.ends_at
        cast.ada()
        assert audit(now).violations == []
        run.targets.filter(state=TargetState.BLOCKED).update(reason="")
        found = audit(now)
        assert [item["invariant"] for item in found.violations] == ["I5"]
        told = Notification.objects.get(user=cast.ada(), kind="runs.audit")
        assert "found 1 broken promise:" in told.sentence

    def test_the_page_is_for_admins_and_auditors(self, run: Run) -> None:
        assert "not been audited yet" in browser(cast.ada()).get(reverse("patching:audits")).content.decode()
        run.targets.filter(state=TargetState.BLOCKED).update(reason="")
        audit(run.ends_at)
        text = browser(cast.audrey()).get(reverse("patching:audits")).content.decode()
        assert "web-4 is blocked without a reason." in text
        assert "Check now" not in text
        assert browser(cast.ana()).get(reverse("patching:audits")).status_code == 403
        assert browser(cast.audrey()).post(reverse("patching:audit-now")).status_code == 403
        assert browser(cast.ada()).post(reverse("patching:audit-now")).status_code == 302
