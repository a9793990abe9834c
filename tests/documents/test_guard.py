"""One dispatch runs at most once on a host, whatever SSM delivers, repeats or interrupts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template

Make = Callable[..., Any]
DISPATCH = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"
TOOLS = ["debian12", "rhel9", "sles15"]


@pytest.mark.parametrize("os", TOOLS)
def test_a_second_delivery_gets_the_stored_result(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3)
    first = host.command("patch", "command-1")
    template.populate(host.root, {"name": "web-1", "os": os, "pending": 3})  # updates are open again
    second = host.command("patch", "command-2")
    assert second.stdout == first.stdout
    assert len(host.state("pending").splitlines()) == 3, "the second delivery installed something"


def test_the_same_command_again_gets_the_stored_result(make_host: Make) -> None:
    host = make_host("debian12", pending=3, kernel_update=True)
    first = host.command("patch")
    again = host.run("patch")
    assert again.codes == [0]
    assert first.stdout.endswith(again.stdout)


def test_a_second_delivery_during_the_first_touches_nothing(make_host: Make) -> None:
    host = make_host("debian12", pending=3, kernel_update=True)
    assert host.run("patch", "command-1").codes == [194]
    other = host.run("patch", "command-2")
    assert (other.codes, other.status) == ([0], "duplicate_running")
    assert "command-1" in other.report["error"]["detail"]
    template.reboot(host.root)
    assert host.run("patch", "command-1").status == "patched"


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_an_old_agents_second_delivery_touches_nothing_either(make_host: Make, shell: str) -> None:
    """Agents before 3.0.284 give no SSM_COMMAND_ID: the guard goes by the id in the script's path."""
    host = make_host("debian12", shell=shell, pending=3, kernel_update=True)
    first, second = (
        host.root
        / f"ssm/i-0123456789abcdef0/document/orchestration/{number}a1b2c3d-1111-2222-3333-444455556666/patch"
        for number in (0, 1)
    )
    assert host.run("patch", folder=first).codes == [194]
    assert host.run("patch", folder=second).status == "duplicate_running"
    template.reboot(host.root)
    assert host.run("patch", folder=first).status == "patched"


def test_where_nobody_tells_an_id_each_run_is_one_of_its_own(make_host: Make) -> None:
    """By hand, twice at once: the second must not go on as if it were the first after its restart."""
    host = make_host("debian12", pending=3, kernel_update=True)
    assert host.run("patch", folder=host.root / "root/one").codes == [194]
    assert host.run("patch", folder=host.root / "root/two").status == "duplicate_running"


def test_another_dispatch_is_another_run(make_host: Make) -> None:
    host = make_host("debian12", pending=3)
    host.command("patch", "command-1")
    other = host.command("patch", "command-2", DispatchId="3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e11")
    assert other.status == "nothing_to_do"


def test_a_claim_without_an_owner_is_taken_by_the_next_command(make_host: Make) -> None:
    """The host died between making the directory and naming its owner: nothing had run."""
    host = make_host("debian12", pending=3)
    (host.root / f"var/lib/patch-portal/dispatches/{DISPATCH}").mkdir(parents=True)
    assert host.command("patch").status == "patched"


@pytest.mark.parametrize("os", TOOLS)
def test_a_restart_that_does_not_happen_is_asked_for_twice_at_most(make_host: Make, os: str) -> None:
    outcome = make_host(os, pending=3, kernel_update=True).command("patch", restarts=False)
    report = outcome.report
    assert outcome.codes == [194, 194, 0]
    assert (report["status"], report["error"]["code"]) == ("reboot_pending", "reboot_did_not_happen")
    assert report["reboot"]["needed"]
    assert not report["reboot"]["done"]
    assert report["boot_count"] == 2


@pytest.mark.parametrize("os", TOOLS)
def test_a_kernel_that_never_starts_is_told(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, kernel_update=True)
    host.tool("uname", f"cat {host.root}/lab/kernel_pinned")
    (host.root / "lab/kernel_pinned").write_text(host.state("kernel_running"))
    outcome = host.command("patch")
    report = outcome.report
    assert outcome.codes == [194, 0], "a second restart would not help either"
    assert (report["status"], report["error"]["code"]) == ("reboot_pending", "kernel_not_running")
    assert report["reboot"]["done"]
    assert report["reboot"]["needed"]


@pytest.mark.parametrize("os", TOOLS)
def test_an_install_that_was_cut_off_goes_on(make_host: Make, os: str) -> None:
    """The host lost power during the install: the agent runs the step again under the same command."""
    host = make_host(os, pending=4)
    tool = {"debian12": "apt-get", "rhel9": "dnf", "sles15": "zypper"}[os]
    shim = template.BIN / tool
    installs = """case " $* " in *" -y "*|*" update --auto"*)"""
    host.tool(tool, f'{installs} kill -9 "$(cat {host.root}/pid)" ;; esac\nexec {shim} "$@"')
    host.tool("ln", f'echo "$PPID" >{host.root}/pid\nexec /bin/ln "$@"')
    cut = host.run("patch")
    assert (cut.codes, cut.stdout) == ([-9], "")
    (host.root / "tools" / tool).unlink()
    template.reboot(host.root)
    outcome = host.run("patch")
    assert outcome.status == "patched"
    assert len(outcome.report["changes"]) == 4, "the list before was taken after the first install"
    assert outcome.report["before"]["boot_id"] != outcome.report["after"]["boot_id"]


@pytest.mark.parametrize("os", TOOLS)
def test_a_restart_that_outlasts_the_deadline_still_counts(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, kernel_update=True)
    assert host.run("patch").codes == [194]
    template.reboot(host.root)
    kept = host.root / f"var/lib/patch-portal/dispatches/{DISPATCH}/time"
    took, *others = kept.read_text().split()
    kept.write_text(" ".join([str(int(took) + 400), *others]))
    outcome = host.run("patch")
    assert (outcome.status, outcome.report["error"]) == ("patched", None)
    assert outcome.report["took_s"] >= 400


def test_where_the_run_cannot_be_written_down_nothing_runs(make_host: Make) -> None:
    """Without its folder it could run twice. It is told in a report, not left unknown."""
    host = make_host("debian12", pending=3)
    (host.root / "var/lib/patch-portal").write_text("in the way")
    outcome = host.run("patch")
    assert (outcome.codes, outcome.status) == ([1], "blocked")
    assert outcome.report["error"]["code"] == "filesystem_unusable"
    assert len(host.state("pending").splitlines()) == 3


@pytest.mark.parametrize("name", ["before.installed", "error.new"])
def test_what_a_restart_would_forget_stops_the_restart(make_host: Make, name: str) -> None:
    """Half of the list before would make up changes; a forgotten error would make up a success."""
    host = make_host("debian12", pending=3, kernel_update=True)
    kept = f"{host.root}/var/lib/patch-portal/dispatches/{DISPATCH}/{name}"
    full = f'case " $* " in *" -y "*) ln -sf /nowhere/at/all {kept} ;; esac'
    host.tool("apt-get", f'{full}\nexec {template.BIN}/apt-get "$@"')
    outcome = host.run("patch")
    assert (outcome.codes, outcome.status) == ([0], "reboot_pending")
    assert outcome.report["error"]["code"] == "reboot_did_not_happen"


def test_what_a_run_leaves_behind_is_roots_own(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.command("patch")
    assert (host.root / f"var/lib/patch-portal/dispatches/{DISPATCH}").stat().st_mode & 0o077 == 0
    assert (host.root / "var/lib/patch-portal/dispatches").stat().st_mode & 0o077 == 0
