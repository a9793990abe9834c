"""What a report says of restarts, of the kernel that boots and of the clock: which of it counts, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from patching.documents.host_report import Report
from patching.models import AssetPatchState
from patching.states import Verdict
from patching.verdicts import Evidence, judge
from tests.unit.patching.made_reports import NEW, OLD, line, report, side

OTHER = "6.1.0-39-cloud-amd64"


def ran(running: str, boots: str | None, *, needed: bool = False, **more: Any) -> dict[str, Any]:
    """A patch report without any restart, of a host that runs one kernel and boots another."""
    return report(after=side(running, "boot-1", boots=boots), done=False, needed=needed, **more)


def judged(told: dict[str, Any]) -> tuple[Verdict, str]:
    found = judge(Evidence(patch=Report.of(told), ssm_status="Success"))
    return found.verdict, found.reason


@pytest.mark.parametrize(
    ("boots", "needed", "verdict"),
    [
        (OLD, False, Verdict.PATCHED),  # another kernel is the boot default: no restart for it
        (OTHER, False, Verdict.PATCHED),
        (OTHER, True, Verdict.PATCHED_REBOOT_PENDING),  # newer than the one that runs, though not the newest
        (NEW, False, Verdict.PATCHED_REBOOT_PENDING),  # the kernel outweighs the host's own word
        ("", False, Verdict.PATCHED_REBOOT_PENDING),  # not known: the newest counts
        (None, False, Verdict.PATCHED_REBOOT_PENDING),  # reports of older documents, as ever
    ],
)
def test_only_the_kernel_that_boots_leaves_a_restart_open(
    boots: str | None, needed: bool, verdict: Verdict
) -> None:
    assert judged(ran(OLD, boots, needed=needed))[0] is verdict
    by_line = line(kernel_running=OLD, kernel_boot_default=boots or "", reboot_needed=needed)
    assert judge(Evidence(line=by_line, ssm_status="Success")).verdict is verdict
    state = AssetPatchState(kernel_running=OLD, kernel_newest=NEW, kernel_boot_default=boots or "")
    assert state.kernel_older_than_booted is (boots in (NEW, "", None)), "and so says the kernel card"


def test_a_chosen_kernel_is_named() -> None:
    assert judged(ran(OLD, OLD))[1].endswith(
        f" It boots kernel {OLD} by its own choice, although {NEW} is installed."
    )
    assert "boots kernel" not in judged(ran(NEW, NEW))[1] + judged(ran(NEW, ""))[1]


@pytest.mark.parametrize("error", ["kernel_not_running", "restart_did_not_cure", "reboot_did_not_happen"])
def test_a_restart_that_helped_nothing_leaves_the_packages_right(error: str) -> None:
    told = report("reboot_pending", after=side(), error=error, needed=True)
    assert judged(told)[0] is Verdict.PATCHED_REBOOT_PENDING
    assert f"It was {error}." in judged(told)[1]


def test_what_nobody_asked_for_is_not_called_no_restart() -> None:
    reboot = {"needed": False, "reasons": [], "done": False, "unknown": "needs-restarting gave no answer"}
    verdict, reason = judged(report("nothing_to_do", 0, after=side(NEW, "boot-1"), reboot=reboot))
    assert verdict is Verdict.NOTHING_TO_DO
    assert "no restart was due" not in reason
    assert reason.endswith(
        "Whether anything but the kernel needs a restart is not known: needs-restarting gave no answer."
    )


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (-10_800, " Its clock was set back by 3 h meanwhile."),
        (7_199, " Its clock was set forward by 2 h meanwhile."),
        (61, " Its clock was set forward by 1 min meanwhile."),
        (60, ""),
        (-60, ""),
    ],
)
def test_a_clock_that_was_set_is_told_and_changes_no_verdict(step: int, words: str) -> None:
    plain = judged(ran(NEW, NEW))
    assert judged(ran(NEW, NEW, clock={"stepped_s": step})) == (plain[0], plain[1] + words)


@pytest.mark.parametrize("missing", ["before", "after"])
def test_an_unread_boot_id_is_no_other_boot(missing: str) -> None:
    sides = {"before": side(OLD, "boot-1", 3), "after": side(NEW, "boot-2")}
    sides[missing]["boot_id"] = ""
    assert not Report.of(report(**sides)).boot_changed
    assert judged(report(**sides))[0] is Verdict.PATCHED_REBOOT_PENDING, (
        "it says that it restarted: not proven"
    )


def test_the_new_fields_come_back_as_they_were_and_stay_away_where_they_were_not() -> None:
    new = ran(OLD, "", clock={"stepped_s": -5})
    new["reboot"]["unknown"] = ""
    old = ran(OLD, None)
    assert Report.of(new).to_json() == new
    assert Report.of(old).to_json() == old
