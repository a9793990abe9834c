"""The parser against torn, doubled, cut and hostile output."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from patching.documents.report import ReportUnreadable, parse_report, parse_result_line, validate

DISPATCH = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"
SIDE: dict[str, Any] = {
    "kernel": {"running": "6.1", "installed": ["6.1"], "newest_installed": "6.1", "newest_available": "6.1"},
    "boot_id": "b1",
    "uptime_s": 5,
    "packages": {"installed": 10, "upgradable": 0, "security": 0, "held": []},
    "broken": [],
    "duplicates": [],
    "available": [],
}
REPORT: dict[str, Any] = {
    "schema": 1,
    "dispatch": DISPATCH,
    "command_id": "c",
    "instance_id": "i-1",
    "document_hash": "ab",
    "phase": "patch",
    "status": "patched",
    "error": None,
    "os": {"id": "debian", "version": "12", "name": "Debian"},
    "boot_count": 0,
    "host_time": "2026-11-23T22:00:00Z",
    "checks": [],
    "before": SIDE,
    "after": SIDE,
    "changes": [],
    "services": [],
    "reboot": {"needed": False, "reasons": [], "done": False},
    "took_s": 3,
    "truncated": {},
}
LINE = {
    "schema": 1,
    "dispatch": DISPATCH,
    "phase": "patch",
    "status": "patched",
    "error": "",
    "kernel": {"running": "6.1", "newest": "6.1"},
    "boot_id": "b1",
    "packages": {"installed": 10, "upgradable": 0, "security": None, "changed": 2, "broken": 0},
    "reboot": {"needed": False, "done": True},
    "took_s": 3,
}


def block(report: dict[str, Any], dispatch: str = DISPATCH) -> str:
    return f"<<<PATCH-PORTAL-REPORT {dispatch}\n{json.dumps(report)}\nPATCH-PORTAL-REPORT>>>\n"


def line(**changed: Any) -> str:
    return f"PATCH-PORTAL-RESULT {json.dumps(LINE | changed)}\n"


def with_(**changed: Any) -> dict[str, Any]:
    return copy.deepcopy(REPORT) | changed


def test_a_report_after_a_restart_line() -> None:
    text = "Patch Portal: restarting (1 of at most 2).\n" + line() + block(REPORT)
    assert parse_report(text) == REPORT
    found = parse_result_line(text)
    assert found is not None
    assert (found.status, found.security, found.changed, found.reboot_done) == ("patched", None, 2, True)


def test_the_last_complete_block_and_line_count() -> None:
    text = line(status="failed") + block(with_(status="failed")) + line() + block(REPORT)
    torn = text + line(status="partial")[:-30] + "\n" + block(with_(status="partial"))[:200]
    for output in (text, torn):
        found = parse_result_line(output)
        assert parse_report(output)["status"] == "patched"
        assert found is not None
        assert found.status == "patched"


def test_a_block_torn_by_the_next_one_is_passed_over() -> None:
    text = block(with_(status="failed"))[:150] + "\n" + block(REPORT)
    assert parse_report(text)["status"] == "patched"


def test_windows_line_ends_are_read() -> None:
    text = (line() + block(REPORT)).replace("\n", "\r\n")
    assert parse_report(text) == REPORT
    assert parse_result_line(text) is not None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "printed nothing"),
        ("   \n", "printed nothing"),
        ("hello\n", "holds no report"),
        (block(REPORT)[:300] + "\n--output truncated--", "cut off before its end"),
        (f"<<<PATCH-PORTAL-REPORT {DISPATCH}\n{{not json\nPATCH-PORTAL-REPORT>>>\n", "not valid JSON"),
        (f"<<<PATCH-PORTAL-REPORT {DISPATCH}\n{'[' * 20000}\nPATCH-PORTAL-REPORT>>>\n", "not valid JSON"),
        (block(with_(took_s=float("nan"))), "not valid JSON"),
        (block(with_(command_id="x" * 30_000)), "larger than"),
        (block(with_(dispatch="3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e11")), "two different dispatches"),
        (block(with_(status="wonderful")), "status"),
        (block(with_(surprise=1)), "surprise"),
        (block(with_(took_s=10**18)), "took_s"),
        (block(with_(took_s=-1)), "took_s"),
        (block(with_(boot_count=True)), "boot_count"),
        (block(with_(before={})), "before"),
        (block([1, 2]), "as agreed"),  # type: ignore[arg-type]
    ],
)
def test_unusable_output_gives_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ReportUnreadable, match=sentence):
        parse_report(text)


@pytest.mark.parametrize(
    "text", ["", "PATCH-PORTAL-RESULT {", line()[:-20], line(took_s="3"), line(boot_id=None)]
)
def test_an_unusable_line_is_none(text: str) -> None:
    assert parse_result_line(text) is None


def test_characters_that_a_database_or_terminal_refuses_are_taken_out() -> None:
    evil = "a\x00b\ud800c\x1b[31md\x9be"
    found = parse_report(block(with_(error={"code": "install_failed", "detail": evil})))
    assert found["error"]["detail"] == "abc[31mde"
    json.dumps(found, ensure_ascii=False).encode()
    status = parse_result_line(line(boot_id=evil))
    assert status is not None
    assert status.boot_id == "abc[31mde"


def test_megabytes_of_noise_before_the_report_are_passed_over_quickly() -> None:
    assert parse_report("<<<PATCH-PORTAL-REPORT \n" * 200_000 + block(REPORT)) == REPORT


def test_validate_names_the_place() -> None:
    with pytest.raises(ReportUnreadable, match=r"before|kernel"):
        validate(with_(before=SIDE | {"kernel": 5}))
    validate(REPORT)
