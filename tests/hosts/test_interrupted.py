"""Hosts whose package work is killed, hangs or is stopped in the middle: told as it is, and mended by the next run."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lab.hosts.machine import Finished, Stopper
from patching.states import Agreement, Verdict
from tests.hosts.conftest import Outcome, RootHost, verdict

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
SECOND = "7b1d0c44-3a52-4b7e-9a10-5f6e7d8c9b01"


class Running:
    """A patch command under way in a thread of its own."""

    def __init__(self, host: RootHost, **values: str) -> None:
        self._host, self.stopper = host, Stopper()
        self._pool = ThreadPoolExecutor(1)
        job = host.job("patch", "command-1", 120, False, values)
        self._future: Future[Finished] = self._pool.submit(host.machine.run, job, self.stopper)

    def until(self, question: str) -> None:
        """Wait until the host answers a question with success."""
        end = time.monotonic() + 30
        while self._host.inside(question).code:
            assert time.monotonic() < end, f"never: {question}"
            time.sleep(0.1)

    def outcome(self) -> Outcome:
        done = self._future.result()
        self._pool.shutdown()
        return Outcome([done.code], done.stdout.decode(), done.stderr.decode(), done.timed_out)


def test_dpkg_outlives_a_killed_script_and_the_next_run_waits_for_it(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    host.fault("slow", content="4")
    first = Running(host)
    first.until("pgrep -f [l]abslow.postinst")
    first.stopper.stop("cancel")
    killed = first.outcome()
    assert killed.codes == [137]
    assert host.inside("pgrep -x dpkg").code == 0
    judged = verdict(None, killed, ssm="Cancelled")
    assert (judged.verdict, judged.agreement) == (Verdict.UNKNOWN, Agreement.NO_REPORT)
    second = host.command("patch", "command-2", DispatchId=SECOND, LockWaitSeconds="60")
    assert verdict(None, second).verdict in (Verdict.PATCHED, Verdict.NOTHING_TO_DO)
    assert host.ask("dpkg --audit") == ""
    assert host.ask("apt-get -s dist-upgrade | grep -c ^Inst || true").strip() == "0"


def test_dnf_killed_in_the_middle_leaves_duplicates_that_the_next_run_removes(make_host: Make) -> None:
    """dnf itself calls it complete afterwards."""
    host = make_host("rhel9", kernel_update=False)
    host.fault("slow", content="3600")
    first = Running(host)
    first.until("pgrep -x sleep")
    host.ask("pkill -9 -x dnf; pkill -9 -x sleep; true")
    patch = first.outcome()
    assert patch.report["after"]["duplicates"], patch.report["after"]
    judged = verdict(None, patch)
    assert judged.verdict in (Verdict.PARTLY, Verdict.FAILED)
    assert "Stopped after" not in judged.reason
    host.fault("slow", on=False)
    assert host.command("precheck", "command-2").check("package_db")["fix"]["ok"] is True
    second = host.command("patch", "command-3", DispatchId=SECOND)
    assert second.report["after"]["duplicates"] == []
    assert verdict(None, second).verdict in (Verdict.PATCHED, Verdict.NOTHING_TO_DO)
    assert host.ask("dnf -q check; echo $?").strip() == "0"


def test_the_package_tool_is_killed_in_the_middle(make_host: Make) -> None:
    """apt dies, dpkg and its script live on and hold the lock: nothing may be called patched before they end."""
    host = make_host("debian12", kernel_update=False)
    host.fault("slow", content="8")
    first = Running(host)
    first.until("pgrep -x sleep")
    host.ask("pkill -9 -x apt-get; true")
    patch = first.outcome()
    # dpkg has been waited for, and what apt left was finished: the report is still true now
    assert patch.error == "install_failed", patch.report["error"]
    assert host.inside("pgrep -x dpkg").code != 0
    assert (patch.report["after"]["broken"], host.ask("dpkg --audit")) == ([], "")
    assert verdict(None, patch).verdict is Verdict.PARTLY
    again = host.command("patch", "command-2", DispatchId=SECOND, LockWaitSeconds="60")
    assert verdict(None, again).verdict in (Verdict.PATCHED, Verdict.NOTHING_TO_DO)
    assert host.ask("dpkg --audit; apt-get -s dist-upgrade | sed -n '/^Inst/p'") == ""


def test_zypper_killed_in_the_middle_leaves_duplicates_that_the_next_run_removes(make_host: Make) -> None:
    host = make_host("sles15", kernel_update=False)
    host.fault("slow", content="3600")
    first = Running(host)
    first.until("pgrep -x sleep")
    host.ask("pkill -9 -x zypper; pkill -9 -x rpm; pkill -9 -x sleep; true")
    patch = first.outcome()
    judged = verdict(None, patch)
    assert judged.verdict in (Verdict.PARTLY, Verdict.FAILED), judged
    assert patch.error in ("install_failed", "packages_left_broken")
    host.fault("slow", on=False)
    assert host.command("precheck", "command-2").check("package_db")["fix"]["ok"] is True
    second = host.command("patch", "command-3", DispatchId=SECOND)
    assert second.report["after"]["duplicates"] == []
    assert verdict(None, second).verdict in (Verdict.PATCHED, Verdict.NOTHING_TO_DO)
    assert host.ask("zypper -n lu | grep -c '^v' || true").strip() == "0"
    assert host.ask("rpm -qa --qf '%{NAME}\\n' | grep -v -e ^kernel -e ^gpg | sort | uniq -d") == ""
    assert host.ask("cat /usr/share/labslow/version").strip() == "1.1"


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_a_signal_to_the_script_still_gives_a_report(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    host.fault("slow", content="3")
    running = Running(host)
    running.until("pgrep -x sleep")
    host.ask("pkill -TERM -f [_]script.sh; true")
    patch = running.outcome()
    assert len(patch.codes) == 1
    assert patch.error == "interrupted"
    assert verdict(None, patch).verdict in (Verdict.PARTLY, Verdict.FAILED)


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_an_update_that_hangs_is_stopped_by_our_own_deadline(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False, faults=("hang",))
    patch = host.command("patch", DeadlineSeconds="12")
    assert patch.timed_out is False
    # dpkg lives on when its apt is stopped
    assert patch.error in ("deadline_exceeded", "packages_left_broken", "lock_held")
    assert "Stopped after 12 s" in patch.report["error"]["detail"] or patch.error == "packages_left_broken"
    judged = verdict(None, patch)
    assert judged.verdict in (Verdict.PARTLY, Verdict.FAILED)
