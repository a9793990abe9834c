"""Commands that ended without a report while the package tool worked on: a look back tells what came of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patching.documents.host_report import Report
from patching.documents.output import parse_result_line
from patching.documents.packages import parse_packages
from patching.states import Agreement, Verdict
from patching.verdicts import Evidence, judge
from tests.hosts.conftest import DISPATCH, Outcome, RootHost
from tests.hosts.test_interrupted import SECOND, Running

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
AT_WORK = {"debian12": "pgrep -x dpkg", "rhel9": "pgrep -x dnf", "sles15": "pgrep -x zypper"}
NOTHING_OPEN = {
    "debian12": "apt-get -s dist-upgrade | grep -c ^Inst || true",
    "rhel9": "dnf -q check-update | grep -c . || true",
    "sles15": "zypper -n lu | grep -c '^v' || true",
}
INSTALLED = {
    "debian12": "dpkg-query -W -f '${Package}\\t${Architecture}\\t${Version}\\n'",
    "rhel9": "rpm -qa --qf '%{NAME}\\t%{ARCH}\\t%{VERSION}-%{RELEASE}\\n'",
    "sles15": "rpm -qa --qf '%{NAME}\\t%{ARCH}\\t%{VERSION}-%{RELEASE}\\n'",
}


def look_back(host: RootHost, **values: str) -> Outcome:
    given = {"LockWaitSeconds": "60", "Fixes": "none", "AfterDispatch": DISPATCH} | values
    return host.command("precheck", "command-2", DispatchId=SECOND, **given)


def cancelled(host: RootHost, **values: str) -> Outcome:
    """The patch command, cancelled while the package tool is in the middle of its transaction."""
    host.fault("slow", content="4")
    running = Running(host, **values)
    running.until("pgrep -x sleep")
    running.stopper.stop("cancel")
    return running.outcome()


def judged(look: Outcome, status: str = "Cancelled") -> tuple[Verdict, Agreement]:
    found = judge(
        Evidence(
            patch=Report.of({**look.report, "phase": "patch"}), ssm_status=status, ssm_status_details=status
        )
    )
    return found.verdict, found.agreement


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_a_cancel_in_the_middle_of_a_transaction_is_told_when_it_is_over(
    make_host: Make, os_name: str
) -> None:
    host = make_host(os_name, kernel_update=False)
    killed = cancelled(host)
    assert (killed.codes, parse_result_line(killed.stdout)) == ([137], None)
    assert host.inside(AT_WORK[os_name]).code == 0, "the package tool died with its script"
    look = look_back(host)
    assert host.inside(AT_WORK[os_name]).code == 1
    assert judged(look) == (Verdict.PATCHED, Agreement.SSM_FAILED_HOST_PATCHED)
    assert host.ask(NOTHING_OPEN[os_name]).strip() == "0"
    report = look.report
    assert (report["dispatch"], report["phase"]) == (SECOND, "precheck")
    assert len(report["changes"]) >= 5
    assert report["before"]["packages"]["upgradable"] > 0 == report["after"]["packages"]["upgradable"]
    listed = {(one.name, one.arch) for one in parse_packages(look.stdout, parse_result_line(look.stdout))}
    own = {tuple(row.split("\t")[:2]) for row in host.ask(INSTALLED[os_name]).splitlines()}
    assert listed == {row for row in own if row[0] != "gpg-pubkey"}


def test_a_new_kernel_that_waits_for_its_restart_is_told(make_host: Make) -> None:
    host = make_host("rhel9")
    cancelled(host)
    look = look_back(host)
    assert judged(look)[0] == Verdict.PATCHED_REBOOT_PENDING
    assert look.report["reboot"]["reasons"]


def test_work_that_still_goes_on_is_not_judged(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    cancelled(host)
    look = look_back(host, LockWaitSeconds="1")
    assert look.status == "duplicate_running"
    assert "still at work after 1 s" in look.report["error"]["detail"]
    assert judged(look)[0] == Verdict.UNKNOWN
    assert judged(look_back(host))[0] == Verdict.PATCHED


def test_a_time_out_is_a_cancel_too(make_host: Make) -> None:
    host = make_host("rhel9", kernel_update=False)
    host.fault("slow", content="12")
    killed = host.command("patch", timeout_s=8)
    assert (killed.timed_out, killed.stdout) == (True, "")
    assert judged(look_back(host), "TimedOut") == (Verdict.PATCHED, Agreement.SSM_FAILED_HOST_PATCHED)


def test_the_script_alone_is_killed_and_its_tool_works_on(make_host: Make) -> None:
    """As the out-of-memory killer may do: the same dispatch would be called running for ever."""
    host = make_host("debian12", kernel_update=False)
    host.fault("slow", content="4")
    running = Running(host)
    running.until("pgrep -x sleep")
    host.ask("pkill -9 -f [_]script.sh; true")
    assert parse_result_line(running.outcome().stdout) is None
    assert judged(look_back(host), "Failed") == (Verdict.PATCHED, Agreement.SSM_FAILED_HOST_PATCHED)


def test_half_of_a_transaction_is_no_success(make_host: Make) -> None:
    """The tool is killed with its script: dnf itself calls that complete."""
    host = make_host("rhel9", kernel_update=False)
    host.fault("slow", content="3600")
    running = Running(host)
    running.until("pgrep -x sleep")
    running.stopper.stop("cancel")
    running.outcome()
    host.ask("pkill -9 -x dnf; pkill -9 -x sleep; true")
    look = look_back(host)
    assert look.report["after"]["duplicates"]
    assert judged(look)[0] in (Verdict.PARTLY, Verdict.FAILED)


def test_a_script_after_that_was_never_run_is_told(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    host.ask("mkdir -p /etc/patch-portal/hooks; printf '#!/bin/sh\\n' >/etc/patch-portal/hooks/start-app")
    host.ask("chmod 700 /etc/patch-portal/hooks/start-app")
    cancelled(host, PostScript="start-app")
    look = look_back(host)
    assert look.error == "post_script_failed"
    assert "start-app" in look.report["error"]["detail"]
    assert judged(look)[0] == Verdict.PARTLY


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_what_was_left_out_on_purpose_is_not_missing(make_host: Make, os_name: str) -> None:
    """The terms of the run are kept beside its lists: the look itself is told none."""
    host = make_host(os_name, kernel_update=False)
    cancelled(host, Exclude="labapp")
    look = look_back(host)
    assert (look.report["aside"], look.report["error"]) == (["labapp"], None)
    assert judged(look)[0] == Verdict.PATCHED


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_what_never_began_is_told_as_that(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    look = look_back(host)
    assert (look.report["before"], look.report["changes"]) == (None, [])
    assert "ended before it installed anything" in look.report["error"]["detail"]
    assert judged(look) == (Verdict.FAILED, Agreement.AGREES)


def test_a_report_that_was_lost_on_its_way_is_had_again(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    patch = host.command("patch")
    look = look_back(host)
    assert look.stdout == patch.stdout
    assert look.report["dispatch"] == DISPATCH
