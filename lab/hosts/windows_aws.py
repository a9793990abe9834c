"""AWS-InstallWindowsUpdates as a Windows host of the lab plays it: no guard, no report, one restart.

With the fault `false_failure` it ends with code 1 after updates that went in and a restart that happened, as the real
one does (aws/amazon-ssm-agent#681); where it finds nothing to install it ends with 0 all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "AWS-InstallWindowsUpdates"
NEXT_BUILD = "10.0.20348.2762"
FAILED = 4_294_967_295  # its own failures end with -1
State = dict[str, Any]


def play(state: State, command_id: str, given: Mapping[str, str], faults: set[str]) -> tuple[str, int]:
    """One run of the step, and its run again after the restart: (what it prints, exit code)."""
    runs = state.setdefault("aws_runs", {})
    record = runs.get(command_id)
    if record is None:
        record = runs[command_id] = {"rebooted": False, "installed": 0}
        return first_run(state, record, given, faults)
    return second_run(state, record, given, faults)


def first_run(state: State, record: State, given: Mapping[str, str], faults: set[str]) -> tuple[str, int]:
    found = wanted(state, given)
    lines = [*searched(found)]
    if given.get("Action") == "Scan" or not found:
        return told(lines), 0
    if "update_fails" in faults:
        return told([*lines, f"Installing {found[0]['name']} failed with 0x80070643."]), FAILED
    install(state, found)
    record["installed"] = len(found)
    if given.get("AllowReboot") == "True":
        record["rebooted"] = True
        return told([*lines, "The computer restarts."]), 3010
    return told([*lines, "A restart is needed."]), 0


def second_run(state: State, record: State, given: Mapping[str, str], faults: set[str]) -> tuple[str, int]:
    """After the restart it searches again; a run that installs nothing never comes here."""
    code = 1 if "false_failure" in faults and record["rebooted"] else 0
    return told(searched(wanted(state, given))), code


def wanted(state: State, given: Mapping[str, str]) -> list[State]:
    excluded = set(given.get("ExcludeKbs", "").split(","))
    security = given.get("Categories") == "SecurityUpdates"
    return [kb for kb in state["pending"] if kb["name"] not in excluded and (kb["security"] or not security)]


def install(state: State, updates: list[State]) -> None:
    """They are in, and a restart is due."""
    state["pending"] = [kb for kb in state["pending"] if kb not in updates]
    state["installed"] += [kb["name"] for kb in updates]
    if updates:
        state["waits_for_reboot"] = True
        state["build"] = NEXT_BUILD


def searched(found: list[State]) -> list[str]:
    head = ["Searching for Windows Updates.", f"Found {len(found)} available Windows Updates."]
    return head + [f"Update for Windows Server 2022 ({kb['name']})" for kb in found]


def told(lines: list[str]) -> str:
    return "".join(f"| Info | {line}\n" for line in lines)
