"""The parser against torn, doubled, cut and hostile output."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from patching.documents.output import OutputUnreadable, parse_result_line
from patching.documents.report import parse_report, validate
from tests.outputs import block, line_of, printed, sha256

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
CHANGE = {"name": "a", "arch": "amd64", "from": "1", "to": "2", "kind": "upgrade", "security": False}
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


def line(text: str = "", **changed: Any) -> str:
    """The result line of REPORT, vouching for the block with this text."""
    sums = {"report": sha256(text) if text else "", "packages": ""}
    return f"PATCH-PORTAL-RESULT {json.dumps(line_of(REPORT) | {'sha256': sums} | changed)}\n"


def vouched(text: str, dispatch: str = DISPATCH) -> str:
    """Output whose one block holds any text, and whose line vouches for it."""
    return line(text) + block("REPORT", dispatch, text)


def parsed(output: str) -> dict[str, Any]:
    return parse_report(output, parse_result_line(output)).to_json()


def with_(**changed: Any) -> dict[str, Any]:
    return copy.deepcopy(REPORT) | changed


def test_a_report_after_a_restart_line() -> None:
    text = "Patch Portal: restarting (1 of at most 2).\n" + printed(with_(changes=[CHANGE] * 2))
    assert parsed(text)["changes"] == [CHANGE] * 2
    found = parse_result_line(text)
    assert found is not None
    assert (found.status, found.security, found.changed, found.reboot_done) == ("patched", 0, 2, False)


def test_the_last_complete_line_and_its_block_count() -> None:
    text = printed(with_(status="failed")) + printed(REPORT)
    torn = text + printed(with_(status="partial"))[:150] + "\n"
    for output in (text, torn):
        assert parsed(output)["status"] == "patched"


def test_a_block_torn_by_the_next_one_is_passed_over() -> None:
    text = printed(REPORT)
    first = text.index("\n") + 1
    assert parsed(text[: first + 150] + "\n" + text[first:]) == REPORT


def test_windows_line_ends_are_read() -> None:
    assert parsed(printed(REPORT).replace("\n", "\r\n")) == REPORT


def test_what_the_line_does_not_vouch_for_is_not_believed() -> None:
    mine, forged = printed(with_(status="failed")), printed(REPORT)
    with pytest.raises(OutputUnreadable, match="does not match the SHA-256"):
        parse_report(forged, parse_result_line(mine))
    with pytest.raises(OutputUnreadable, match="no result line"):
        parse_report(forged, None)
    # its own block is found below a forged one
    assert parse_report(mine + forged, parse_result_line(mine)).status == "failed"


def test_one_changed_byte_is_seen() -> None:
    text = printed(REPORT)
    with pytest.raises(OutputUnreadable, match="does not match"):
        parsed(text.replace('"took_s": 3, "truncated"', '"took_s": 4, "truncated"'))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "printed nothing"),
        ("   \n", "printed nothing"),
        ("hello\n", "holds no report"),
        (printed(REPORT)[:1_200] + "\n--output truncated--", "cut off before its end"),
        (vouched("{not json"), "not valid JSON"),
        (vouched("[" * 20000), "not valid JSON"),
        (printed(with_(took_s=float("nan")), took_s=3), "not valid JSON"),
        (printed(with_(command_id="x" * 30_000)), "larger than"),
        (vouched(json.dumps(with_(dispatch=DISPATCH[:-1] + "1"))), "two different dispatches"),
        (vouched(json.dumps(with_(status="wonderful"))), "status"),
        (vouched(json.dumps(with_(surprise=1))), "surprise"),
        (vouched(json.dumps(with_(took_s=10**18))), "took_s"),
        (vouched(json.dumps(with_(took_s=-1))), "took_s"),
        (vouched(json.dumps(with_(boot_count=True))), "boot_count"),
        (vouched(json.dumps(with_(before={}))), "before"),
        (vouched(json.dumps([1, 2])), "as agreed"),
    ],
)
def test_unusable_output_gives_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(OutputUnreadable, match=sentence):
        parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PATCH-PORTAL-RESULT {",
        line()[:-20],
        line(took_s="3"),
        line(boot_id=None),
        line(sha256={"report": "ab", "packages": ""}),
        line(sha256=None),
        line(status="wonderful"),
        line(phase="lunch"),
        line(error="no_such_code"),
        line(boot_id="x" * 2_400),
        line(surprise=1),
    ],
)
def test_an_unusable_line_is_none(text: str) -> None:
    assert parse_result_line(text) is None
    assert parse_result_line(line()) is not None


def test_a_line_without_sums_vouches_for_nothing() -> None:
    """As the documents of an earlier release printed it: such an answer is looked at again."""
    old = {key: value for key, value in line_of(REPORT).items() if key != "sha256"}
    assert parse_result_line(f"PATCH-PORTAL-RESULT {json.dumps(old)}\n") is None
    with pytest.raises(OutputUnreadable, match="does not match"):
        parsed(line() + block("REPORT", DISPATCH, json.dumps(REPORT)))


def test_characters_that_a_database_or_terminal_refuses_are_taken_out() -> None:
    evil = "a\x00b\ud800c\x1b[31md\x9be"
    output = printed(with_(error={"code": "install_failed", "detail": evil}), boot_id=evil)
    found = parsed(output)
    assert found["error"]["detail"] == "abc[31mde"
    json.dumps(found, ensure_ascii=False).encode()
    status = parse_result_line(output)
    assert status is not None
    assert status.boot_id == "abc[31mde"


def test_megabytes_of_noise_before_the_report_are_passed_over_quickly() -> None:
    assert parsed("<<<PATCH-PORTAL-REPORT \n" * 200_000 + printed(REPORT)) == REPORT


def test_validate_names_the_place() -> None:
    with pytest.raises(OutputUnreadable, match=r"before|kernel"):
        validate(with_(before=SIDE | {"kernel": 5}))
    validate(REPORT)
