"""Pre-check, repair and patch on simulated hosts with something wrong: never a success that is none."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.outputs import report_in

Make = Callable[..., Any]
TOOLS = ["debian12", "rhel9", "sles15"]


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in report["checks"] if entry["name"] == name)


@pytest.mark.parametrize("os", TOOLS)
def test_full_disk_is_told_then_repaired_when_allowed(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, faults=["disk_full"])
    told = host.run("precheck", Fixes="none").report
    assert (told["status"], told["error"]["code"]) == ("blocked", "disk_full")
    assert not check(told, "disk_space")["fix"]["tried"]
    repaired = host.run("precheck", Fixes="early").report
    assert repaired["status"] == "ready"
    assert check(repaired, "disk_space")["fix"] == {
        "tried": True,
        "ok": True,
        "detail": "Emptied the package cache.",
    }
    assert host.command("patch").status == "patched"


@pytest.mark.parametrize("os", TOOLS)
def test_full_disk_that_no_repair_helps_blocks_the_patch(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, faults=["disk_full_unfixable"])
    report = host.command("patch").report
    assert (report["status"], report["error"]["code"], report["changes"]) == ("blocked", "disk_full", [])
    assert "137 MB free; 500 MB are needed" in report["error"]["detail"]
    assert len(host.state("pending").splitlines()) == 3


@pytest.mark.parametrize("os", TOOLS)
def test_disk_that_fills_during_the_install_fails(make_host: Make, os: str) -> None:
    report = make_host(os, pending=3, faults=["disk_full_unfixable"]).command("patch", MinFreeMb="1").report
    assert (report["status"], report["error"]["code"]) == ("failed", "install_failed")


@pytest.mark.parametrize("os", TOOLS)
def test_broken_repository_makes_counts_unknown_not_zero(make_host: Make, os: str) -> None:
    outcome = make_host(os, pending=3, faults=["repo_broken"]).run("precheck", Fixes="early")
    report = outcome.report
    assert (report["status"], report["error"]["code"]) == ("blocked", "repository_unreachable")
    assert report["before"]["packages"]["upgradable"] is None
    assert outcome.line.upgradable is None


@pytest.mark.parametrize("os", TOOLS)
def test_approved_repository_definition_is_put_back(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, faults=["repo_broken"])
    outcome = host.run("precheck", Fixes="all")
    assert (outcome.status, host.command("patch").status) == ("ready", "patched")
    assert (
        "Put back the approved definition of etc/" in check(outcome.report, "repositories")["fix"]["detail"]
    )
    kept = [file for file in (host.root / "var/lib/patch-portal/replaced-repos").rglob("*") if file.is_file()]
    assert len(kept) == 1
    assert "127.0.0.1:9" in kept[0].read_text()


@pytest.mark.parametrize("os", TOOLS)
def test_dead_repository_blocks_the_patch(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, faults=["repo_broken_unfixable"])
    report = host.command("patch").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "repository_unreachable")
    assert len(host.state("pending").splitlines()) == 3


@pytest.mark.parametrize("os", TOOLS)
def test_repository_that_dies_after_the_install_is_no_success(make_host: Make, os: str) -> None:
    """The restart is over, and what is left cannot be read: unknown must not look like zero."""
    host = make_host(os, pending=3, kernel_update=True)
    assert host.run("patch").codes == [194]
    template.reboot(host.root)
    host.fault("repo_broken_unfixable")
    outcome = host.run("patch")
    assert (outcome.status, outcome.report["error"]["code"]) == ("partial", "repository_unreachable")
    assert outcome.line.upgradable is None


@pytest.mark.parametrize("os", TOOLS)
def test_a_failing_package_is_never_a_success(make_host: Make, os: str) -> None:
    report = make_host(os, pending=5, faults=["update_fails"]).command("patch").report
    # where the tool names the script that failed, the package counts as left broken
    code = "install_failed" if os == "sles15" else "packages_left_broken"
    assert (report["status"], report["error"]["code"]) == ("partial", code)
    if os == "debian12":
        # apt's own simulation says that nothing is left: only dpkg knows
        assert report["after"]["packages"]["upgradable"] == 0
        assert len(report["after"]["broken"]) == 1
    else:
        assert report["after"]["packages"]["upgradable"] == 1
        assert len(report["changes"]) == 4


@pytest.mark.parametrize("os", TOOLS)
def test_when_the_only_package_fails_nothing_is_called_patched(make_host: Make, os: str) -> None:
    report = make_host(os, pending=1, faults=["update_fails"]).command("patch").report
    assert report["status"] == ("partial" if os == "debian12" else "failed")


def test_no_restart_into_a_half_installed_system(make_host: Make) -> None:
    outcome = make_host("debian12", pending=5, kernel_update=True, faults=["update_fails"]).command("patch")
    assert outcome.codes == [1]
    assert outcome.report["reboot"]["needed"]
    assert not outcome.report["reboot"]["done"]


def test_half_configured_packages_are_repaired_first(make_host: Make) -> None:
    host = make_host("debian12", pending=3, faults=["update_fails"])
    host.command("patch")
    host.fault("update_fails", on=False)
    other = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e11"
    assert host.run("precheck", Fixes="early").report["error"]["code"] == "package_db_broken"
    assert host.run("patch", "command-2", DispatchId=other).report["error"]["code"] == "package_db_broken"
    assert check(host.run("precheck", Fixes="all").report, "package_db")["fix"]["ok"]
    another = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e12"
    report = host.command("patch", "command-3", DispatchId=another).report
    assert (report["status"], report["after"]["broken"]) == ("nothing_to_do", [])


@pytest.mark.parametrize("os", TOOLS)
def test_a_held_lock_names_its_holder(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, faults=["lock_held"])
    report = host.command("patch", LockWaitSeconds="1").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "lock_held")
    assert "Process 4242 (other-updater)" in report["error"]["detail"]
    host.fault("lock_held", on=False)
    assert host.run("precheck").status == "ready"


def test_a_lock_that_is_given_back_in_time_is_waited_for(make_host: Make) -> None:
    host = make_host("debian12", pending=3, faults=["lock_held"])
    host.tool("sleep", f'rm -f "{host.root}/lab/faults/lock_held" "{host.root}/proc/locks"')
    assert host.command("patch", LockWaitSeconds="30").status == "patched"


@pytest.mark.parametrize("os", TOOLS)
def test_a_hanging_package_tool_ends_at_our_own_deadline(make_host: Make, os: str) -> None:
    started = time.monotonic()
    report = make_host(os, pending=3, faults=["hang"]).command("patch", DeadlineSeconds="2").report
    assert (report["status"], report["error"]["code"]) == ("failed", "deadline_exceeded")
    assert time.monotonic() - started < 15


def test_a_stopped_agent_is_restarted_and_blocks_nothing(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["agent_inactive"])
    assert host.run("precheck").status == "ready"
    report = host.run("precheck", Fixes="early").report
    assert check(report, "agent")["ok"]
    assert check(report, "agent")["fix"]["tried"]


def test_a_signal_in_the_middle_still_gives_a_report(make_host: Make) -> None:
    host = make_host("debian12", pending=3, faults=["hang"])
    process = subprocess.Popen(
        ["/bin/sh", str(host._write_script("patch", {"DeadlineSeconds": "3"}))],
        env=host._environment("command-1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    stage = host.root / "var/lib/patch-portal/dispatches/3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10/stage"
    until = time.monotonic() + 10
    while time.monotonic() < until and not (stage.exists() and stage.read_text() == "installing\n"):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=20)
    report = report_in(stdout)
    assert (process.returncode, report["status"], report["error"]["code"]) == (1, "failed", "interrupted")
