"""What is believed of a host is kept once, where no host may write; trouble with it is that host's alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aws.errors import AccessRefused, Throttled
from patching.models import HostReport
from patching.states import Phase, TargetState, Verdict
from portal.audit.models import AuditEvent
from portal.evidence.store import digest
from portal.inventory.models import Asset
from tests.fakes import FakeHost, raising
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_forged_answers import key_of, under_way


def report_of(number: int) -> HostReport:
    return HostReport.objects.get(target__asset__name=f"web-{number}", phase=Phase.PATCH)


def failing_for(host: FakeHost, operation: str, error: Exception) -> Callable[[str, tuple[str, ...]], None]:
    def before(name: str, ids: tuple[str, ...]) -> None:
        if name == operation and any(host.instance.instance_id in item for item in ids):
            raise error

    return before


def watch(stage: Stage, before: Callable[[str, tuple[str, ...]], None]) -> None:
    """Calls pass here with what they name."""
    call = stage.cloud.call

    def watched(operation: str, ids: Any = ()) -> None:
        before(operation, tuple(ids))
        call(operation, ids)

    stage.cloud.call = watched  # type: ignore[method-assign]


def test_the_row_knows_where_its_evidence_lies_and_its_sha256(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    stage.to_the_end()
    report = report_of(1)
    assert report.evidence_key.startswith(f"evidence/111122223333/date=2026-12-05/run={run.pk}/phase=patch/")
    kept = stage.cloud.stored[report.evidence_key]
    assert digest(kept) == report.evidence_sha256
    assert kept in [raw for key, raw in stage.cloud.stored.items() if key.startswith("output/")]
    assert report.remark == ""


class Killed(BaseException):
    """The worker is gone: nothing of it runs after this."""


def test_a_crash_between_object_and_row_is_harmless(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from patching.operations import results

    stage.cloud.add(1)
    run = stage.set()
    under_way(stage)
    store_all, crashed = results.store_all, []

    def crash(found: Any, **named: Any) -> None:
        if not crashed:
            crashed.append(True)
            raise Killed
        store_all(found, **named)

    monkeypatch.setattr(results, "store_all", crash)
    with pytest.raises(Killed):
        stage.to_the_end()
    assert not HostReport.objects.filter(phase=Phase.PATCH).exists()
    stage.clock.forward(200)  # the lease of the dead worker ends
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    kept = [key for key in stage.cloud.stored if "phase=patch" in key]
    assert kept == [report_of(1).evidence_key]


def test_what_was_planted_in_its_place_is_told_and_stays_that_hosts_matter(stage: Stage) -> None:
    first = stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    command_id = under_way(stage)
    raw = stage.cloud.stored[key_of(stage, command_id, first.instance.instance_id)]
    dispatch = run.dispatches.get(phase=Phase.PATCH)
    name = f"{first.instance.instance_id}-{dispatch.pk}-{digest(raw)[:16]}.txt"
    place = f"evidence/111122223333/date=2026-12-05/run={run.pk}/phase=patch/{name}"
    stage.cloud.stored[place] = b"planted"
    stage.to_the_end()
    assert set(run.targets.values_list("verdict", flat=True)) == {Verdict.PATCHED}
    told = report_of(1)
    assert (told.evidence_key, told.evidence_sha256) == ("", "")
    assert "is not kept as evidence: " in told.remark
    assert "is not what the portal stored" in told.remark
    assert stage.cloud.stored[place] == b"planted"
    assert AuditEvent.objects.filter(kind="report.unkept", summary__startswith="web-1: ").count() == 1
    assert report_of(2).evidence_key
    assert report_of(2).remark == ""


def test_a_folder_with_five_thousand_objects_costs_its_host_alone(stage: Stage) -> None:
    first = stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    command_id = under_way(stage)
    folder = key_of(stage, command_id, first.instance.instance_id).partition("/awsrun")[0]
    stage.cloud.stored |= {f"{folder}/{number:04}/stdout": b"" for number in range(5_000)}
    stage.to_the_end()
    assert set(run.targets.values_list("verdict", flat=True)) == {Verdict.PATCHED}
    assert (report_of(1).source, report_of(2).source) == ("invocation", "s3")
    assert report_of(1).remark == "More than 50 objects lie in its folder of the bucket; none was read."
    assert not Asset.objects.filter(coverage_reasons__contains=["results_denied"]).exists()


def test_a_flood_and_no_report_at_systems_manager_is_told_with_both_reasons(stage: Stage) -> None:
    first = stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    command_id = under_way(stage)
    instance_id = first.instance.instance_id
    folder = key_of(stage, command_id, instance_id).partition("/awsrun")[0]
    stage.cloud.stored |= {f"{folder}/{number:04}/stdout": b"" for number in range(100)}
    line = stage.cloud.printed[command_id, instance_id].partition("\n")[0]
    stage.cloud.printed[command_id, instance_id] = line + "\n"
    stage.to_the_end()
    row = run.targets.get(asset__name="web-1").dispatched.get(phase=Phase.PATCH)
    assert "More than 50 objects lie in its folder" in row.no_report_reason
    assert run.targets.get(asset__name="web-2").verdict == Verdict.PATCHED


def test_an_answer_that_cannot_be_read_holds_up_nobody_else(stage: Stage) -> None:
    """AWS throttles whenever one host's object is asked for; the others are stored at the same look."""
    first = stage.cloud.add(1)
    stage.cloud.add(2)
    run = stage.set()
    under_way(stage)
    watch(stage, failing_for(first, "GetObject", Throttled("slow down", operation="GetObject")))
    stage.until(lambda: run.targets.filter(state=TargetState.DONE).exists())
    assert run.targets.get(asset__name="web-2").verdict == Verdict.PATCHED
    assert run.targets.get(asset__name="web-1").state != TargetState.DONE
    stage.to_the_end()
    row = run.targets.get(asset__name="web-1").dispatched.get(phase=Phase.PATCH)
    assert row.no_report_reason.startswith("Its answer could not be read to the end: slow down")


def test_an_object_that_its_writer_locked_is_read_from_systems_manager(stage: Stage) -> None:
    first = stage.cloud.add(1)
    run = stage.set()
    under_way(stage)
    watch(stage, failing_for(first, "GetObject", AccessRefused("kms:Decrypt", operation="GetObject")))
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert report_of(1).source == "invocation"
    assert "cannot be read: kms:Decrypt" in report_of(1).remark


def test_a_bucket_that_refuses_for_good_loses_no_report(stage: Stage) -> None:
    """While it may come back, writing is tried again; in the end the report counts and says what is missing."""
    stage.cloud.add(1)
    run = stage.set()
    under_way(stage)
    raising(stage.cloud, "PutObject", AccessRefused("s3:PutObject is not allowed."), times=10_000)
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert report_of(1).evidence_key == ""
    assert report_of(1).remark.endswith("is not kept as evidence: s3:PutObject is not allowed.")


def test_an_outage_of_the_bucket_only_delays(stage: Stage) -> None:
    stage.cloud.add(1)
    run = stage.set()
    under_way(stage)
    raising(stage.cloud, "PutObject", AccessRefused("s3:PutObject is not allowed."), times=3)
    stage.to_the_end()
    assert run.targets.get().verdict == Verdict.PATCHED
    assert (bool(report_of(1).evidence_key), report_of(1).remark) == (True, "")
