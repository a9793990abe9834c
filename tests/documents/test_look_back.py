"""The look back on simulated hosts: in each shell, from what a command kept before its script was gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.conftest import DISPATCH
from tests.documents.shells import SHELLS

Make = Callable[..., Any]
LOOK = {"AfterDispatch": DISPATCH, "DispatchId": "7b1d0c44-3a52-4b7e-9a10-5f6e7d8c9b01"}
TOOLS = ["debian12", "rhel9", "sles15"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("os", TOOLS)
def test_a_command_that_died_before_its_restart(make_host: Make, os: str, shell: str) -> None:
    """Its script ended for the restart and never came back; the look tells it before and after the restart."""
    host = make_host(os, shell=shell, pending=3, kernel_update=True)
    assert host.run("patch").codes == [194]
    waiting = host.run("precheck", "command-2", **LOOK)
    assert waiting.status == "reboot_pending"
    assert len(waiting.report["changes"]) == waiting.line.changed == 3
    template.reboot(host.root)
    over = host.run("precheck", "command-3", **LOOK)
    assert (over.status, over.report["reboot"]["done"]) == ("patched", True)
    assert over.report["before"]["boot_id"] != over.report["after"]["boot_id"]
    assert over.report["changes"] == waiting.report["changes"]


@pytest.mark.parametrize("os", TOOLS)
def test_while_somebody_holds_the_lock_nothing_is_said(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, kernel_update=True)
    host.run("patch")
    host.fault("lock_held")
    look = host.run("precheck", "command-2", **LOOK)
    assert (look.status, look.report["after"]) == ("duplicate_running", None)
    assert look.report["error"]["detail"].startswith("Process 4242 (other-updater) was still at work")


def test_a_script_after_that_was_never_run_is_told(make_host: Make) -> None:
    host = make_host("debian12", pending=3, kernel_update=True)
    host.run("patch", PostScript="start-app")
    report = host.run("precheck", "command-2", **LOOK).report
    assert (report["status"], report["error"]["code"]) == ("partial", "post_script_failed")


def test_a_stored_result_is_printed_as_it_is(make_host: Make) -> None:
    host = make_host("debian12", pending=3)
    done = host.run("patch")
    assert host.run("precheck", "command-2", **LOOK).stdout == done.stdout


def test_of_a_command_that_never_came_nothing_is_claimed(make_host: Make) -> None:
    report = make_host("debian12", pending=3).run("precheck", "command-2", **LOOK).report
    assert (report["before"], report["changes"], report["status"]) == (None, [], "failed")
    fit = make_host("debian12", name="fit").run("precheck", "command-2", **LOOK).report
    assert (fit["status"], fit["error"]) == ("nothing_to_do", None)


def test_the_dead_scripts_work_directory_is_read_and_cleared(make_host: Make) -> None:
    host = make_host("rhel9", pending=3, kernel_update=True)
    host.run("patch")
    dead = host.root / "run/patch-portal.AbCdEf"
    dead.mkdir()
    (dead / "log").write_text("Error in POSTIN scriptlet in rpm package openssl-libs\n")
    (host.root / f"var/lib/patch-portal/dispatches/{DISPATCH}/work").write_text(f"{dead}\n")
    look = host.run("precheck", "command-2", **LOOK)
    assert (look.status, look.report["after"]["broken"]) == ("partial", ["openssl-libs"])
    assert not dead.exists()


@pytest.mark.parametrize("place", ["etc", "run/../etc", "run/patch-portal.1234567"])
def test_no_other_directory_is_cleared(make_host: Make, place: str) -> None:
    host = make_host("rhel9", pending=3, kernel_update=True)
    host.run("patch")
    other = host.root / place
    other.mkdir(exist_ok=True)
    (other / "log").write_text("x\n")
    (host.root / f"var/lib/patch-portal/dispatches/{DISPATCH}/work").write_text(f"{other}\n")
    host.run("precheck", "command-2", **LOOK)
    assert (other / "log").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_ids_are_read_from_the_scripts_path_where_the_agent_tells_none(make_host: Make, shell: str) -> None:
    """Agents before 3.0.284: the command id is in the path of the script, and so is the instance's."""
    host = make_host("debian12", shell=shell, pending=1)
    command = "0a1b2c3d-1111-2222-3333-444455556666"
    folder = host.root / f"ssm/i-0123456789abcdef0/document/orchestration/{command}/patch"
    report = host.run("precheck", folder=folder).report
    assert (report["command_id"], report["instance_id"]) == (command, "i-0123456789abcdef0")
    assert host.run("precheck").report["command_id"] == "command-1"
