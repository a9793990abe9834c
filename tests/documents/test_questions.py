"""Every question to a tool has an end: before the work it blocks with a name, after it nothing is believed of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents.assemble import HERE
from patching.documents.host_report import Report
from patching.documents.output import SCHEMA_PATH
from patching.states import Verdict
from patching.verdicts import Evidence, judge

Make = Callable[..., Any]
PARTS = sorted([*(HERE / "parts").glob("*.sh"), *HERE.glob("*.sh")])
QUESTIONS = set(json.loads(SCHEMA_PATH.read_text())["$defs"]["question"]["enum"])
# Tools that may hang: they read databases, take locks, or ask another process.
TOOLS = {
    *("apt-get", "apt-cache", "apt-mark", "dpkg", "dpkg-query", "dnf", '"$TOOL"', "rpm", "zypper"),
    *("needs-restarting", "needrestart", "grubby", "systemctl", "timedatectl", "chronyc", "snap"),
    *("amazon-ssm-agent", "df", "swapoff", "swapon"),
}
# What else the documents run: words, files in memory, and the calls that keep the report.
PLAIN = {
    *("awk", "base64", "cat", "cmp", "cp", "cut", "date", "find", "grep", "gzip", "head", "hostname", "id", "ln"),
    *("ls", "mkdir", "mktemp", "mv", "readlink", "rm", "sed", "sha256sum", "shutdown", "sleep", "sort", "tail", "tr"),
    *("uname", "wc"),
}  # fmt: skip


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in report["checks"] if entry["name"] == name)


HANGS = [
    # system, tool, what of its arguments hangs, the check that fails, the question
    ("debian12", "dpkg-query", "-W", "package_db", "installed"),
    ("debian12", "apt-get", "check", "package_db", "consistent"),
    ("debian12", "apt-get", "update", "repositories", "refresh"),
    ("debian12", "apt-get", "dist-upgrade", "updates", "updates"),
    ("debian12", "apt-mark", "showhold", "updates", "held"),
    ("debian12", "df", "-Pk", "disk_space", "disk"),
    ("rhel9", "rpm", "-qa", "package_db", "installed"),
    ("rhel9", "dnf", "check-update", "repositories", "updates"),
    ("rhel9", "dnf", "-r", "pending_reboot", "reboot"),
    ("sles15", "rpm", "-qa", "package_db", "installed"),
    ("sles15", "zypper", "refresh", "repositories", "refresh"),
    ("sles15", "zypper", "locks", "updates", "held"),
    ("sles15", "zypper", "list-updates", "updates", "updates"),
    ("sles15", "zypper", "needs-rebooting", "pending_reboot", "reboot"),
]


# The patch makes no check that is told only: the pre-check has made it minutes ago.
BEFORE_PATCH = [hang for hang in HANGS if hang[3] != "pending_reboot"]


@pytest.mark.parametrize(
    ("phase", "os", "tool", "word", "name", "question"),
    [("precheck", *hang) for hang in HANGS] + [("patch", *hang) for hang in BEFORE_PATCH],
)
def test_a_hang_before_the_work_is_a_failed_check_with_a_name(
    make_host: Make, phase: str, os: str, tool: str, word: str, name: str, question: str
) -> None:
    host = make_host(os, pending=3)
    host.patience = 1
    host.hanging(tool, word)
    began = time.monotonic()
    report = host.run(phase).report
    assert time.monotonic() - began < 20
    assert (report["status"], report["error"]["code"]) == ("blocked", "tool_unresponsive")
    assert not check(report, name)["ok"]
    assert f"{question} ({tool} gave no answer within" in check(report, name)["detail"]
    assert question in report["before"]["unanswered"]
    assert report["after"] is None


AFTERWARDS = [
    # system, tool, what of its arguments hangs, the question, and the status and error of the run
    ("debian12", "dpkg-query", "-W", "installed", "failed", "not_measured"),
    ("debian12", "apt-get", "dist-upgrade", "updates", "partial", "not_measured"),
    ("debian12", "dpkg", "--compare-versions", "order", "partial", "not_measured"),
    ("debian12", "apt-mark", "showhold", "held", "patched", ""),
    ("rhel9", "rpm", "-qa", "installed", "failed", "not_measured"),
    ("rhel9", "dnf", "check-update", "updates", "partial", "not_measured"),
    ("rhel9", "dnf", "-r", "reboot", "partial", "not_measured"),
    ("rhel9", "dnf", "-s", "services", "patched", ""),
    ("sles15", "zypper", "list-updates", "updates", "partial", "not_measured"),
    ("sles15", "zypper", "needs-rebooting", "reboot", "partial", "not_measured"),
    ("sles15", "zypper", "ps", "services", "patched", ""),
    ("sles15", "zypper", "locks", "held", "patched", ""),
]


@pytest.mark.parametrize(("os", "tool", "word", "question", "status", "code"), AFTERWARDS)
def test_a_hang_after_the_work_is_reported_and_proves_nothing(
    make_host: Make, os: str, tool: str, word: str, question: str, status: str, code: str
) -> None:
    host = make_host(os, pending=3, kernel_update=question == "order")
    host.patience = 1
    host.hanging(tool, word, after="lab/kernels_added")
    report = host.run("patch", RebootPolicy="never").report
    assert (report["status"], (report["error"] or {"code": ""})["code"]) == (status, code)
    assert question in report["after"]["unanswered"]
    assert "unanswered" not in report["before"]
    assert len(report["changes"]) == (0 if question == "installed" else 3)
    assert not code or f"{question} ({tool} gave no answer within" in report["error"]["detail"]
    judgement = judge(Evidence(patch=Report.of(report), ssm_status="Failed" if code else "Success"))
    assert judgement.verdict is (
        Verdict.UNKNOWN if question == "installed" else Verdict.PARTLY if code else Verdict.PATCHED
    )
    assert "ot measured" in judgement.reason


@pytest.mark.parametrize(("os", "tool", "word"), [("rhel9", "dnf", "-s"), ("sles15", "zypper", "ps")])
def test_without_an_answer_it_is_never_nothing_to_do(make_host: Make, os: str, tool: str, word: str) -> None:
    host = make_host(os)
    assert host.command("patch").status == "nothing_to_do"
    host.patience = 1
    host.hanging(tool, word)
    outcome = host.command("patch", "command-2", DispatchId="3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e11")
    judgement = judge(Evidence(patch=Report.of(outcome.report), ssm_status="Success"))
    assert (outcome.status, judgement.verdict) == ("patched", Verdict.PATCHED)
    assert judgement.reason == (
        "No package changed, no update is left; not measured: which services want a restart."
    )


def test_a_tool_that_is_deaf_or_leaves_a_child_behind_ends_all_the_same(make_host: Make) -> None:
    """The child keeps the tool's output open, in a session of its own: no signal to the group reaches it."""
    host = make_host("debian12", pending=1)
    host.patience = 1
    host.tool("apt-mark", "trap '' TERM; setsid sleep 25 & sleep 600")
    began = time.monotonic()
    assert host.run("precheck").report["before"]["unanswered"] == ["held"]
    assert time.monotonic() - began < 15


def test_after_one_that_hangs_the_others_get_a_tenth(make_host: Make) -> None:
    host = make_host("rhel9", pending=1)
    host.patience = 5
    host.hanging("dnf", "needs-restarting")
    for tool in ("systemctl", "timedatectl"):
        host.tool(tool, "exec sleep 600")
    began = time.monotonic()
    report = host.run("precheck").report
    assert time.monotonic() - began < 5 + 4 * 1 + 6
    assert report["before"]["unanswered"] == ["agent", "clock", "reboot"]
    assert [entry["name"] for entry in report["checks"] if not entry["ok"]] == [
        "agent",
        "pending_reboot",
        "clock",
    ]


@pytest.mark.parametrize("os", ["rhel9", "sles15"])
def test_what_waits_for_a_lock_that_is_held_is_not_asked(make_host: Make, os: str) -> None:
    """dnf would wait for ever, and its needs-restarting with it."""
    host = make_host(os, pending=1, faults=["lock_held"])
    for tool, word in {"dnf": "check", "zypper": "locks"}.items():
        host.hanging(tool, word)
    began = time.monotonic()
    report = host.run("precheck", LockWaitSeconds="1").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "lock_held")
    assert time.monotonic() - began < 10
    assert report["before"]["unanswered"] == (["broken", "reboot"] if os == "rhel9" else ["held"])


# where a command begins; in front of it a variable may be set
BEGINS = r"(?:^|[;|&{!]|\$\(|(?<!\")\(|\b(?:then|do|else|if|elif|while)\s|(?<=\w)\)\s)\s*(?:\w+=\S*\s+)*"


def test_no_tool_is_called_past_the_one_function() -> None:
    """By the text: each tool stands behind `ask QUESTION` or `quietly`, and all that is asked is known as a tool."""
    calls, astray = [], []
    for path in PARTS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = re.sub(r"(^|\s)#.*|'[^']*'", "", line)
            calls += re.findall(r"\b(ask [\w\"$]+|quietly) ([^\s)]+)", code)
            if any(re.search(rf"{BEGINS}{re.escape(tool)}\s", code) for tool in TOOLS):
                astray.append(f"{path.name}:{number}: {line.strip()}")
    assert astray == [], "called without a limit"
    assert {tool for _, tool in calls} <= TOOLS | {"timeout", '"$HOOKS/$1"', '"$@"'}
    assert {how.removeprefix("ask ") for how, _ in calls} - {'"$1"', "quietly"} == QUESTIONS


@pytest.mark.parametrize("phase", ["precheck", "patch"])
@pytest.mark.parametrize("os", ["debian12", "rhel9", "sles15"])
def test_no_tool_runs_without_a_limit_above_it(make_host: Make, os: str, phase: str) -> None:
    """By what runs: everything but plain commands has `timeout` as its parent."""
    host = make_host(os, pending=3, kernel_update=True, held=["curl"])
    shims = {path.name for path in template.BIN.iterdir()}
    assert shims - PLAIN
    for name in shims - PLAIN:
        host.tool(
            name,
            f"""read -r parent <"/proc/$PPID/comm"; [ "$parent" = timeout ] || echo "{name} $*" >>"{host.root}/astray"
PATH=${{PATH#"{host.root}/tools":}} exec {name} "$@\"""",
        )
    values = {"Fixes": "all"} if phase == "precheck" else {"RebootPolicy": "never"}
    assert host.run(phase, **values).status in ("ready", "reboot_pending")
    # shims call each other
    astray = (host.root / "astray").read_text() if (host.root / "astray").exists() else ""
    assert astray == ""
