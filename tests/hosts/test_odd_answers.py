"""Real package tools that are locked, stopped in the middle or answer oddly: every question ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from patching.states import Verdict
from tests.hosts.conftest import Outcome, RootHost, verdict
from tests.hosts.test_interrupted import Running

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
LOCKS = {"metadata": "/var/cache/dnf/metadata_lock.pid", "rpmdb": "/var/lib/dnf/rpmdb_lock.pid"}


def names(outcome: Outcome, what: str) -> list[str]:
    side = outcome.report["after"] or outcome.report["before"]
    return [row["name"] for row in side[what]]


@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_a_dnf_lock_of_a_living_process_is_answered_in_the_time_asked(make_host: Make, lock: str) -> None:
    """dnf itself would wait for it as long as the process lives."""
    host = make_host("rhel9", kernel_update=False)
    host.ask(
        f"mkdir -p /var/cache/dnf; setsid sleep 500 >/dev/null 2>&1 </dev/null & printf $! >{LOCKS[lock]}"
    )
    began = time.monotonic()
    precheck = host.command("precheck", LockWaitSeconds="4")
    patch = host.command("patch", "command-2", LockWaitSeconds="4")
    assert time.monotonic() - began < 40
    for told in (precheck, patch):
        assert (told.status, told.error) == ("blocked", "lock_held")
        assert "(sleep) has held the package lock for 4 s and more" in told.report["error"]["detail"]
        assert "broken" in told.report["before"]["unanswered"]
    assert names(patch, "available") == []


def test_a_lock_on_a_package_of_a_patch_keeps_only_that_package_back(make_host: Make) -> None:
    """zypper's solver refuses every patch then, and plain update does the rest."""
    host = make_host("sles15", kernel_update=False)
    host.ask("zypper -n addlock lablib")
    assert "remove lock" in host.inside("zypper -n patch --category security --dry-run").stdout.decode()
    precheck = host.command("precheck")
    assert (precheck.status, precheck.error) == ("ready", "")
    open_now = {row["name"]: row["security"] for row in precheck.report["before"]["available"]}
    assert open_now["labpre"] is True
    assert open_now["labapp"] is False
    assert "lablib" in precheck.report["before"]["packages"]["held"]
    patch = host.command("patch", "command-2", Mode="security")
    assert [change["name"] for change in patch.report["changes"]] == ["labpre"]
    assert host.ask("rpm -q --qf '%{VERSION}' lablib labapp") == "1.01.0"


def test_a_deadline_in_the_middle_of_dpkg_leaves_nothing_half_configured(make_host: Make) -> None:
    """apt ends at the deadline, dpkg goes on; what it leaves is repaired, for that has time of its own."""
    host = make_host("debian12", kernel_update=False)
    host.fault("slow", content="9")
    running = Running(host, DeadlineSeconds="6", LockWaitSeconds="60")
    running.until("pgrep -x sleep")
    patch = running.outcome()
    assert patch.error == "deadline_exceeded", patch.report["error"]
    assert patch.report["after"]["broken"] == []
    assert host.ask("dpkg --audit; pgrep -x dpkg || true") == ""
    assert "ii " in host.ask("dpkg-query -W -f '${db:Status-Abbrev} ' labslow")
    assert verdict(None, patch).verdict is Verdict.PARTLY


@pytest.mark.parametrize("trouble", ["remount,ro", "remount,size=16k"])
def test_a_run_that_is_full_or_read_only_still_gives_a_report(make_host: Make, trouble: str) -> None:
    host = make_host("debian12", kernel_update=False)
    host.ask(f"head -c 8192 /dev/zero >/run/some; mount -o {trouble} /run")
    for phase in ("precheck", "patch"):
        told = host.command(phase, f"command-{phase}")  # type: ignore[arg-type]
        assert (told.status, told.error) == ("blocked", "filesystem_unusable")
        assert "/run is full or mounted read-only" in told.report["error"]["detail"]
    assert host.ask("ls -d /dev/shm/patch-portal.* /tmp/patch-portal.* 2>/dev/null || true") == ""


def test_a_repository_that_became_another_release_is_told_as_that(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    host.ask("apt-get update")
    host.ask(
        "cd /var/lib/apt/lists; sed -i 's/^Codename: .*/Codename: woody/' *Release; touch -d 2020-01-01 *Release"
    )
    precheck = host.command("precheck", Fixes="none")
    assert (precheck.status, precheck.error) == ("blocked", "repository_changed"), precheck.report["error"]
    host.ask("apt-get update --allow-releaseinfo-change")
    assert host.command("precheck", "command-2", Fixes="none").status == "ready"


HANGING = [
    # system, the tool that never answers, the check that fails, the question
    ("debian12", "dpkg-query", "package_db", "installed"),
    ("debian12", "apt-mark", "updates", "held"),
    ("rhel9", "rpm", "package_db", "installed"),
    ("sles15", "zypper", "repositories", "refresh"),
]


@pytest.mark.parametrize(("os_name", "tool", "name", "question"), HANGING)
def test_a_tool_that_never_answers_is_a_failed_check_with_its_name(
    make_host: Make, os_name: str, tool: str, name: str, question: str
) -> None:
    host = make_host(os_name, kernel_update=False)
    host.patience = 2
    host.fault("tool_hangs", content=tool)
    precheck = host.command("precheck", Fixes="none")
    assert (precheck.status, precheck.error) == ("blocked", "tool_unresponsive"), precheck.report["error"]
    assert f"{question} ({tool} gave no answer within" in precheck.check(name)["detail"]
    assert question in precheck.report["before"]["unanswered"]
    host.fault("tool_hangs", on=False)
    host.patience = 300
    assert host.command("precheck", "command-2", Fixes="none").status == "ready"


def test_a_database_that_never_answers_is_told_and_nothing_is_rebuilt_unasked(make_host: Make) -> None:
    """A FIFO in the place of rpm's database: opening it waits for ever, as a damaged one can."""
    host = make_host("rhel9", kernel_update=False)
    host.patience = 2
    host.ask(
        "cd /var/lib/rpm; mkdir /root/kept; mv * /root/kept; for file in $(ls /root/kept); do mkfifo $file; done"
    )
    precheck = host.command("precheck", Fixes="none")
    assert (precheck.status, precheck.error) == ("blocked", "tool_unresponsive"), precheck.report["error"]
    assert "installed (rpm gave no answer within" in precheck.check("package_db")["detail"]
    assert "installed" in precheck.report["before"]["unanswered"]
    host.ask("cd /var/lib/rpm && rm -f * && mv /root/kept/* .")
    assert host.command("precheck", "command-2", Fixes="none").status == "ready"
