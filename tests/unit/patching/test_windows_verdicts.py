"""Verdicts on Windows reports: boot times that drift, work that is not proven, updates undone by the restart."""

from __future__ import annotations

from typing import Any

import pytest

from patching.documents.aws_windows import report_of_looks
from patching.documents.host_report import Report
from patching.states import Verdict
from patching.verdicts import Evidence, judge
from tests.unit.patching.made_reports import NEW, report, side

DAYS = 12 * 86_400
BOOT, DRIFTED = "2026-11-18T02:00:00.0000000Z", "2026-11-18T02:00:00.0000011Z"
AN_HOUR_ON, RESTARTED = "2026-11-18T03:00:00.0000000Z", "2026-11-30T02:20:00.0000000Z"


def looked(boot: str, up: int, left: int | None = 0) -> dict[str, Any]:
    return side(NEW, boot, left, left) | {"uptime_s": up}


def judged(told: dict[str, Any]) -> tuple[Verdict, str]:
    found = judge(Evidence(patch=Report.of(told), ssm_status="Success"))
    return found.verdict, found.reason


@pytest.mark.parametrize(
    ("boot", "up", "verdict"),
    [
        (BOOT, DAYS, Verdict.NOTHING_TO_DO),
        (DRIFTED, DAYS + 90, Verdict.NOTHING_TO_DO),
        (AN_HOUR_ON, DAYS - 3_500, Verdict.NOTHING_TO_DO),  # daylight saving
        (RESTARTED, 300, Verdict.PATCHED),  # only a restart was open
    ],
)
def test_a_boot_time_that_drifts_is_no_restart(boot: str, up: int, verdict: Verdict) -> None:
    restarted = verdict is Verdict.PATCHED
    told = report(
        "patched" if restarted else "nothing_to_do",
        0,
        looked(boot, up),
        done=restarted,
        before=looked(BOOT, DAYS),
    )
    assert judged(told)[0] is verdict
    assert ("restarted" in judged(told)[1]) is restarted


def test_a_restart_that_the_boot_time_denies_is_still_open() -> None:
    told = report("patched", 2, looked(DRIFTED, DAYS + 90), done=True, before=looked(BOOT, DAYS, 2))
    assert judged(told)[0] is Verdict.PATCHED_REBOOT_PENDING


def test_awss_document_is_judged_by_the_same_boot() -> None:
    """Each look is a pre-check of its own."""
    looks = [
        Report.of(report("ready", 0, None, done=False, before=looked(boot, up)) | {"phase": "precheck"})
        for boot, up in ((BOOT, DAYS), (DRIFTED, DAYS + 600), (RESTARTED, 300))
    ]
    assert report_of_looks(looks[0], looks[1], mode="all").reboot.done is False
    assert report_of_looks(looks[0], looks[2], mode="all").reboot.done is True


@pytest.mark.parametrize(
    ("changed", "left", "code", "detail", "verdict"),
    [
        (1, None, "update_service_unavailable", "Went in, not yet proven: KB5000100", Verdict.PARTLY),
        (0, None, "deadline_exceeded", "Went in, not yet proven: KB5000100", Verdict.FAILED),
        (0, 1, "updates_left", "Went in, undone by the restart: KB5000100", Verdict.FAILED),
        (1, 1, "updates_left", "Went in, undone by the restart: KB5000100", Verdict.PARTLY),
    ],
)
def test_what_is_not_proven_or_undone_is_never_patched(
    changed: int, left: int | None, code: str, detail: str, verdict: Verdict
) -> None:
    told = report(
        "partial" if changed else "failed", changed, looked(RESTARTED, 300, left), before=looked(BOOT, DAYS, 2),
        error=code,
    )  # fmt: skip
    told["error"]["detail"] = detail
    assert judged(told)[0] is verdict
    assert detail in judged(told)[1]
