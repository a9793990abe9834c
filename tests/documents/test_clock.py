"""The host's clock is set while a document works: told, and nothing else comes of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents.host_report import Report
from patching.states import Verdict
from patching.verdicts import Evidence, judge
from tests.documents.conftest import DISPATCH
from tests.documents.shells import SHELLS

Make = Callable[..., Any]
TOOL = {"debian12": "apt-get", "rhel9": "dnf", "sles15": "zypper"}
INSTALL = {"debian12": "upgrade", "rhel9": "upgrade", "sles15": "update"}
TOLERANCE_S = 5


def set_clock_during_install(host: Any, os: str, seconds: int) -> None:
    fault = f"{host.root}/lab/faults/clock_off"
    host.tool(
        TOOL[os],
        f"""case " $* " in *" -s "*) ;; *" {INSTALL[os]} "*) echo {seconds} >"{fault}" ;; esac
exec {template.BIN}/{TOOL[os]} "$@\"""",
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("seconds", [-10_800, 7_200])
@pytest.mark.parametrize("os", list(TOOL))
def test_a_step_during_the_install_changes_no_verdict(
    make_host: Make, os: str, seconds: int, shell: str
) -> None:
    host = make_host(os, shell=shell, pending=2, name="b")
    set_clock_during_install(host, os, seconds)
    outcome = host.command("patch")
    report = outcome.report
    assert (report["status"], report["error"], outcome.stderr) == ("patched", None, "")
    assert 0 <= report["took_s"] < 120
    assert abs(report["clock"]["stepped_s"] - seconds) <= TOLERANCE_S
    assert len(report["changes"]) == 2
    judged = judge(Evidence(patch=Report.of(report), line=outcome.line, ssm_status="Success"))
    assert judged.verdict == Verdict.PATCHED
    assert (
        f"Its clock was set {'forward by 2 h' if seconds > 0 else 'back by 3 h'} meanwhile." in judged.reason
    )


@pytest.mark.parametrize("seconds", [-10_800, 7_200])
def test_a_step_at_the_pre_check_is_none_of_its_deadline(make_host: Make, seconds: int) -> None:
    host = make_host("debian12", pending=2)
    fault = f"{host.root}/lab/faults/clock_off"
    host.tool("dpkg-query", f'echo {seconds} >"{fault}"\nexec {template.BIN}/dpkg-query "$@"')
    report = host.run("precheck").report
    assert (report["status"], report["error"]) == ("ready", None)
    assert abs(report["clock"]["stepped_s"] - seconds) <= TOLERANCE_S


def test_an_ordinary_run_tells_no_step(make_host: Make) -> None:
    host = make_host("debian12", pending=2, kernel_update=True)
    outcome = host.command("patch")
    assert outcome.codes == [194, 0]
    assert abs(outcome.report["clock"]["stepped_s"]) <= TOLERANCE_S
    judged = judge(Evidence(patch=Report.of(outcome.report), line=outcome.line, ssm_status="Success"))
    assert "clock" not in judged.reason


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-10_800, -10_800),
        # it may have been off for so long: nobody can tell
        (10_800, 0),
    ],
)
def test_a_step_across_the_restart(make_host: Make, seconds: int, told: int) -> None:
    host = make_host("debian12", pending=2, kernel_update=True)
    assert host.run("patch").codes == [194]
    template.reboot(host.root)
    host.fault("clock_off", content=str(seconds))
    report = host.run("patch").report
    assert (report["status"], report["error"]) == ("patched", None)
    assert abs(report["clock"]["stepped_s"] - told) <= TOLERANCE_S
    assert 120 <= report["took_s"] < 240, "the gap counts with its allowance, whatever the clock says"


def test_a_step_before_the_restart_is_not_forgotten(make_host: Make) -> None:
    host = make_host("debian12", pending=2, kernel_update=True)
    set_clock_during_install(host, "debian12", 7_200)
    report = host.command("patch").report
    assert abs(report["clock"]["stepped_s"] - 7_200) <= TOLERANCE_S


@pytest.mark.parametrize("kept", [True, False])
def test_the_time_before_the_restart_counts(make_host: Make, kept: bool) -> None:
    """The time left is written before the restart: what the first boot took, the second has no more."""
    host = make_host("debian12", pending=2, kernel_update=True)
    assert host.run("patch", DeadlineSeconds="900").codes == [194]
    template.reboot(host.root)
    time = host.root / f"var/lib/patch-portal/dispatches/{DISPATCH}/time"
    took, wall, step = time.read_text().split()
    time.write_text(f"{int(took) + (5 if kept else 850)} {wall} {step}\n")
    (host.root / "lab/kernel_running").write_text("6.1.0-39-cloud-amd64\n")  # and yet another kernel came up
    (host.root / "boot/vmlinuz-6.1.0-50-cloud-amd64").touch()
    subprocess.run([template.BOOT_MENU, host.root, "apt"], check=True)
    last = host.run("patch", DeadlineSeconds="900")
    if kept:
        assert last.codes == [194]
    else:
        assert (last.codes, last.report["error"]["code"]) == ([1], "deadline_exceeded")


def test_a_look_back_after_the_restart_counts_the_same(make_host: Make) -> None:
    host = make_host("debian12", pending=2, kernel_update=True)
    assert host.run("patch").codes == [194]
    template.reboot(host.root)
    host.fault("clock_off", content="-10800")
    look = host.run(
        "precheck", "command-2", AfterDispatch=DISPATCH, DispatchId="7b1d0c44-3a52-4b7e-9a10-5f6e7d8c9b01"
    )
    assert (look.status, look.report["error"]) == ("patched", None)
    assert 120 <= look.report["took_s"] < 240
    assert abs(look.report["clock"]["stepped_s"] + 10_800) <= TOLERANCE_S


def test_without_an_uptime_the_clock_must_do(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.tool("head", 'case "$*" in */proc/uptime) exit 1 ;; esac\nexec /usr/bin/head "$@"')
    report = host.command("patch").report
    assert (report["status"], report["before"]["uptime_s"]) == ("patched", None)
    assert 0 <= report["took_s"] < 120
