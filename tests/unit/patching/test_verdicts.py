"""The verdict on a host: the host's own facts decide, and a lie in one of them is seen in another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from patching.documents.host_report import Report
from patching.documents.report import validate
from patching.states import Agreement, Verdict
from patching.verdicts import Evidence, judge
from tests.unit.patching.made_reports import NEW, OLD, line, report, side

V, A = Verdict, Agreement
SAME_BOOT = side(NEW, "boot-1")
CASES = [
    (
        "patched and restarted",
        report(after=side()),
        V.PATCHED,
        "3 packages changed, no update is left; restarted",
    ),
    (
        "patched, no restart",
        report(after=SAME_BOOT, before=side(NEW, "boot-1", 3), done=False),
        V.PATCHED,
        "no update is left.",
    ),
    (
        "nothing to do",
        report("nothing_to_do", 0, SAME_BOOT, before=side(NEW, "boot-1"), done=False),
        V.NOTHING_TO_DO,
        "No update was open",
    ),
    ("only restarted", report(changed=0, after=side()), V.PATCHED, "No package changed"),
    (
        "reboot asked for",
        report("reboot_pending", after=SAME_BOOT, needed=True, done=False),
        V.PATCHED_REBOOT_PENDING,
        "still asks for a restart",
    ),
    (
        "old kernel still runs, whatever the host says",
        report(after=side(OLD, "boot-2")),
        V.PATCHED_REBOOT_PENDING,
        f"Kernel {NEW} is installed, but {OLD} still runs",
    ),
    (
        "says it restarted, boot id says no",
        report(after=SAME_BOOT, done=True),
        V.PATCHED_REBOOT_PENDING,
        "boot id is the same",
    ),
    (
        "restart never came",
        report(
            "reboot_pending",
            after=side(OLD, "boot-1"),
            error="reboot_did_not_happen",
            needed=True,
            done=False,
        ),
        V.PATCHED_REBOOT_PENDING,
        "It was reboot_did_not_happen",
    ),
    ("updates left, says patched", report(after=side(left=2)), V.PARTLY, "2 updates still open"),
    (
        "cannot tell what is left, says patched",
        report(after=side(left=None, security=None)),
        V.PARTLY,
        "could not tell what is still open",
    ),
    (
        "half installed, says patched",
        report(after=side(broken=1)),
        V.PARTLY,
        "1 package left half installed",
    ),
    (
        "failed with changes",
        report("partial", after=side(), error="install_failed"),
        V.PARTLY,
        "3 packages changed, but not all is well: It was",
    ),
    (
        "failed without",
        report("failed", 0, SAME_BOOT, error="install_failed", done=False),
        V.FAILED,
        "Nothing changed: It was install_failed",
    ),
    ("blocked", report("blocked", 0, None, error="disk_full", done=False), V.FAILED, "It was disk_full"),
    (
        "bad status without an error",
        report("failed", 0, SAME_BOOT, done=False),
        V.FAILED,
        "The host says failed",
    ),
    (
        "cut list of broken packages keeps its true count",
        report(after=side(), truncated={"after.broken": 7}),
        V.PARTLY,
        "7 packages",
    ),
]


@pytest.mark.parametrize(("case", "patch", "verdict", "words"), CASES, ids=[case[0] for case in CASES])
def test_the_host_decides(case: str, patch: dict[str, Any], verdict: Verdict, words: str) -> None:
    validate(patch)
    found = judge(Evidence(patch=Report.of(patch), ssm_status="Success", ssm_status_details="Success"))
    assert found.verdict is verdict, case
    assert words in found.reason


@pytest.mark.parametrize("status", ["Failed", "TimedOut", "Cancelled"])
def test_ssm_failed_but_the_host_is_patched(status: str) -> None:
    found = judge(
        Evidence(patch=Report.of(report(after=side())), ssm_status=status, ssm_status_details=status)
    )
    assert (found.verdict, found.agreement) == (V.PATCHED, A.SSM_FAILED_HOST_PATCHED)


def test_ssm_success_but_the_host_is_not_patched() -> None:
    found = judge(Evidence(patch=Report.of(report(after=side(left=1))), ssm_status="Success"))
    assert (found.verdict, found.agreement) == (V.PARTLY, A.SSM_OK_HOST_UNPATCHED)


@pytest.mark.parametrize(
    ("status", "patch"), [("Success", report(after=side())), ("Failed", report("failed", 0, SAME_BOOT))]
)
def test_both_agree(status: str, patch: dict[str, Any]) -> None:
    assert judge(Evidence(patch=Report.of(patch), ssm_status=status)).agreement is A.AGREES


@pytest.mark.parametrize(
    ("status", "details", "verdict", "words"),
    [
        ("Success", "Success", V.UNKNOWN, "says Success, but no report"),
        ("Failed", "Undeliverable", V.UNKNOWN, "may have run all the same"),
        ("TimedOut", "DeliveryTimedOut", V.UNKNOWN, "may have run all the same"),
        ("TimedOut", "ExecutionTimedOut", V.UNKNOWN, "time limit"),
        ("Cancelled", "Cancelled", V.UNKNOWN, "cancelled"),
        ("Failed", "AccessDenied", V.FAILED, "nothing ran"),
        ("Failed", "InvalidPlatform", V.FAILED, "nothing ran"),
        ("", "", V.UNKNOWN, "SSM says nothing"),
        ("Odd", "Odder", V.UNKNOWN, "SSM says Odder"),
    ],
)
def test_without_a_report_it_is_unknown_and_says_why(
    status: str, details: str, verdict: Verdict, words: str
) -> None:
    found = judge(Evidence(ssm_status=status, ssm_status_details=details))
    assert (found.verdict, found.agreement) == (verdict, A.NO_REPORT)
    assert words in found.reason


def test_without_a_report_the_pre_check_is_remembered() -> None:
    check = report("ready", 0, None, done=False, phase="precheck")
    found = judge(
        Evidence(before=Report.of(check), ssm_status="TimedOut", ssm_status_details="DeliveryTimedOut")
    )
    assert found.verdict is V.UNKNOWN
    assert found.reason.endswith("The pre-check had seen 3 open updates.")


def test_a_second_delivery_is_no_verdict() -> None:
    found = judge(
        Evidence(
            patch=Report.of(report("duplicate_running", 0, None, error="duplicate_delivery", done=False))
        )
    )
    assert (found.verdict, found.agreement) == (V.UNKNOWN, A.NO_REPORT)


def test_security_mode_counts_security_updates_only() -> None:
    patch = report(after=side(left=5, security=0))
    assert judge(Evidence(patch=Report.of(patch), mode="security")).verdict is V.PATCHED
    assert judge(Evidence(patch=Report.of(patch), mode="all")).verdict is V.PARTLY
    assert (
        judge(Evidence(patch=Report.of(report(after=side(left=5, security=1))), mode="security")).verdict
        is V.PARTLY
    )


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, V.PATCHED),
        ({"changed": 0, "reboot_done": False, "status": "nothing_to_do"}, V.NOTHING_TO_DO),
        # a question had no answer: the host's word for "not nothing" is all that the line has of it
        ({"changed": 0, "reboot_done": False}, V.PATCHED),
        ({"changed": 0, "installed": None, "error": "not_measured", "status": "failed"}, V.UNKNOWN),
        ({"reboot_needed": True}, V.PATCHED_REBOOT_PENDING),
        ({"upgradable": 1}, V.PARTLY),
        ({"upgradable": None}, V.PARTLY),
        ({"broken": 1, "changed": 0}, V.FAILED),
        ({"status": "blocked", "error": "disk_full", "changed": 0}, V.FAILED),
        ({"status": "duplicate_running"}, V.UNKNOWN),
        ({"phase": "precheck"}, V.UNKNOWN),
    ],
)
def test_the_result_line_stands_in_for_a_lost_report(changed: dict[str, Any], verdict: Verdict) -> None:
    assert judge(Evidence(line=line(**changed), ssm_status="Success")).verdict is verdict


def test_no_combination_with_something_wrong_is_a_success() -> None:
    good = {V.PATCHED, V.NOTHING_TO_DO, V.PATCHED_REBOOT_PENDING}
    for status, changed, error, left, broken, done, ssm in itertools.product(
        ["patched", "nothing_to_do", "reboot_pending", "failed", "partial"],
        [0, 2],
        ["", "install_failed", "updates_left"],
        [0, 1, None],
        [0, 1],
        [False, True],
        ["Success", "Failed", "TimedOut"],
    ):
        after = side(left=left, broken=broken)
        found = judge(
            Evidence(patch=Report.of(report(status, changed, after, error, done=done)), ssm_status=ssm)
        )
        wrong = bool(error or left != 0 or broken or status in ("failed", "partial"))
        assert (found.verdict in good) is not wrong
        assert found.reason.strip().endswith(".")
