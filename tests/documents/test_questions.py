"""Every question to a tool has an end: before the work it blocks with a name, after it nothing is believed of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from patching.documents.assemble import HERE
from patching.documents.output import SCHEMA_PATH

Make = Callable[..., Any]
PARTS = sorted([*(HERE / "parts").glob("*.sh"), *HERE.glob("*.sh")])
QUESTIONS = set(json.loads(SCHEMA_PATH.read_text())["$defs"]["question"]["enum"])
# Tools that may hang: they read databases, take locks, or ask another process.
TOOLS = r"apt-get|apt-cache|apt-mark|dpkg|dpkg-query|dnf|\"\$TOOL\"|rpm|zypper|needs-restarting|needrestart|grubby|df|systemctl|timedatectl|chronyc|snap|amazon-ssm-agent"


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
    ("rhel9", "needs-restarting", "-r", "pending_reboot", "reboot"),
    ("sles15", "rpm", "-qa", "package_db", "installed"),
    ("sles15", "zypper", "refresh", "repositories", "refresh"),
    ("sles15", "zypper", "locks", "updates", "held"),
    ("sles15", "zypper", "list-updates", "updates", "updates"),
    ("sles15", "zypper", "needs-rebooting", "pending_reboot", "reboot"),
]


@pytest.mark.parametrize(("os", "tool", "word", "name", "question"), HANGS)
@pytest.mark.parametrize("phase", ["precheck", "patch"])
def test_a_hang_before_the_work_is_a_failed_check_with_a_name(
    make_host: Make, os: str, tool: str, word: str, name: str, question: str, phase: str
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
