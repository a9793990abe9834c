"""The look before and the look after AWS's own Windows document, made into one report and judged."""

from __future__ import annotations

from typing import Any

import pytest

from patching.documents import aws_windows
from patching.documents.host_report import Report
from patching.documents.report import validate
from patching.states import Agreement, Verdict
from patching.verdicts import Evidence, judge

DISPATCH = "0b6f2ad6-7d1f-4b8e-9c56-0c6f6f1f0a01"


def kb(number: int, *, security: bool = False) -> dict[str, Any]:
    return {"name": f"KB{number}", "arch": "", "from": "", "to": f"Update {number}", "security": security}


def look(
    *updates: dict[str, Any], boot: str = "monday", needed: bool = False, **facts: Any
) -> dict[str, Any]:
    """What the pre-check document says with these updates open."""
    security = sum(update["security"] for update in updates)
    packages = {"installed": 12, "upgradable": len(updates), "security": security, "held": []}
    build = {
        "running": "10.0.1",
        "installed": ["10.0.1"],
        "newest_installed": "10.0.1",
        "newest_available": "",
    }
    side = {
        "kernel": build, "boot_id": boot, "uptime_s": 60, "packages": packages,
        "broken": [], "duplicates": [], "available": list(updates),
    }  # fmt: skip
    reasons = ["windows_update"] if needed else []
    return {
        "schema": 1, "dispatch": DISPATCH, "command_id": "c", "instance_id": "i-1", "document_hash": "",
        "phase": "precheck", "status": "ready", "error": None,
        "os": {"id": "windows", "version": "10.0", "name": "Windows"}, "boot_count": 0,
        "host_time": "2026-11-24T01:00:00Z", "checks": [], "before": side, "after": None, "changes": [],
        "services": [], "reboot": {"needed": needed, "reasons": reasons, "done": False},
        "took_s": 1, "truncated": {},
    } | facts  # fmt: skip


def two_looks(check: Any, after: Any, mode: str = "all") -> tuple[Report, dict[str, Any]]:
    """The report of two looks, and its JSON, which is valid by the schema."""
    report = aws_windows.report_of_looks(Report.of(check) if check else None, Report.of(after), mode=mode)
    told = report.to_json()
    validate(told)
    return report, told


BEFORE = look(kb(1, security=True), kb(2))
CASES = [
    (look(boot="tuesday"), "all", "patched", 2, Verdict.PATCHED),
    (look(boot="monday"), "all", "patched", 2, Verdict.PATCHED),
    (look(needed=True), "all", "reboot_pending", 2, Verdict.PATCHED_REBOOT_PENDING),
    (look(kb(2), boot="tuesday"), "all", "partial", 1, Verdict.PARTLY),
    (look(kb(2), boot="tuesday"), "security", "patched", 1, Verdict.PATCHED),
    (look(kb(1, security=True), kb(2)), "all", "failed", 0, Verdict.FAILED),
    (look(kb(1, security=True), kb(2), boot="tuesday"), "all", "failed", 0, Verdict.FAILED),
]


@pytest.mark.parametrize(("after", "mode", "status", "changed", "verdict"), CASES)
@pytest.mark.parametrize(("ssm", "bad"), [("Success", False), ("Failed", True)])
def test_the_looks_decide_whatever_the_exit_code_was(
    after: Any, mode: str, status: str, changed: int, verdict: Verdict, ssm: str, bad: bool
) -> None:
    report, told = two_looks(BEFORE, after, mode)
    assert (told["status"], len(told["changes"])) == (status, changed)
    found = judge(Evidence(before=Report.of(BEFORE), patch=report, ssm_status=ssm, mode=mode))
    assert found.verdict == verdict
    good = verdict in (Verdict.PATCHED, Verdict.PATCHED_REBOOT_PENDING)
    if bad and good:
        assert found.agreement == Agreement.SSM_FAILED_HOST_PATCHED
    elif not bad and not good:
        assert found.agreement == Agreement.SSM_OK_HOST_UNPATCHED
    else:
        assert found.agreement == Agreement.AGREES


def test_another_boot_time_is_the_evidence_of_a_restart() -> None:
    assert two_looks(BEFORE, look(boot="tuesday"))[0].reboot.done is True
    assert two_looks(BEFORE, look(boot="monday"))[0].reboot.done is False


def test_nothing_open_before_and_after_is_nothing_to_do() -> None:
    _, told = two_looks(look(), look())
    assert (told["status"], told["error"]) == ("nothing_to_do", None)


def test_a_look_that_cannot_search_proves_nothing() -> None:
    blind = look(status="blocked", error={"code": "update_service_unavailable", "detail": "no answer"})
    blind["before"]["packages"] |= {"upgradable": None, "security": None}
    report, told = two_looks(BEFORE, blind)
    assert (told["status"], told["changes"]) == ("failed", [])
    assert judge(Evidence(patch=report, ssm_status="Success")).verdict == Verdict.FAILED


def test_without_a_look_before_nothing_is_claimed_to_have_changed() -> None:
    _, told = two_looks(None, look())
    assert (told["before"], told["changes"], told["status"]) == (None, [], "nothing_to_do")


def test_what_was_left_out_on_purpose_is_not_missing() -> None:
    report, told = two_looks(BEFORE, look(kb(2), boot="tuesday", aside=["KB2"]))
    assert (told["status"], told["aside"]) == ("patched", ["KB2"])
    assert (
        judge(Evidence(before=Report.of(BEFORE), patch=report, ssm_status="Success")).verdict
        == Verdict.PATCHED
    )


def test_cut_lists_keep_their_true_counts() -> None:
    before = look(kb(1), kb(2), truncated={"before.available": 300})
    before["before"]["packages"]["upgradable"] = 300
    after = look(kb(9), truncated={"before.available": 4})
    after["before"]["packages"]["upgradable"] = 4
    _, told = two_looks(before, after)
    assert told["truncated"] == {"before.available": 300, "after.available": 4, "changes": 296}


def test_what_the_document_is_told() -> None:
    assert aws_windows.parameters(mode="all", reboot="never") == {
        "Action": ["Install"],
        "AllowReboot": ["False"],
    }
    assert aws_windows.parameters(mode="security", reboot="if-needed", excluded=["KB1", "KB2"]) == {
        "Action": ["Install"],
        "AllowReboot": ["True"],
        "Categories": ["SecurityUpdates"],
        "ExcludeKbs": ["KB1,KB2"],
    }


@pytest.mark.parametrize(
    ("exclude", "script", "word"),
    [
        ("KB5031364,docker-ce", "", ""),
        ("kernel*,libc?", "", ""),
        ("KB50*", "", "KB50*"),
        ("*", "", "*"),
        ("?B5031364", "", "?B5031364"),
        ("", "drain", "no scripts"),
    ],
)
def test_a_policy_that_asks_more_than_it_can_do_is_refused(exclude: str, script: str, word: str) -> None:
    said = aws_windows.refusal(exclude=exclude, pre_script=script, post_script="")
    assert bool(said) == bool(word)
    assert word in said


def test_only_kb_numbers_are_passed_on() -> None:
    assert aws_windows.kb_numbers("docker-ce,KB5031364,KB890830,kernel*") == ["KB5031364", "KB890830"]
    assert aws_windows.kb_numbers("") == []
