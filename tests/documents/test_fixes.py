"""Every fix: allowed when, seen repairing, and touching nothing that it must not touch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.shims import template
from tests.documents.shells import SHELLS
from tests.documents.test_checks import FAILURES, TOOLS, check, in_turn

Make = Callable[..., Any]
BY_FAMILY = [
    ("db_broken", "debian12"),
    ("db_broken", "rhel9"),
    ("db_broken", "sles15"),
    ("db_unreadable", "rhel9"),
    ("db_unreadable", "sles15"),
]
# fault: the check whose fix helps with every package tool
EARLY = {fault: name for fault, (name, _, _, level) in FAILURES.items() if level == "early"}
LATE = {
    fault: name
    for fault, (name, _, _, level) in FAILURES.items()
    if level == "late" and fault not in dict(BY_FAMILY)
}


@pytest.mark.parametrize(("fault", "os", "shell"), in_turn(sorted(EARLY)))
def test_early_fixes_are_made_before_the_windows_start(
    make_host: Make, fault: str, os: str, shell: str
) -> None:
    host = make_host(os, shell=shell, pending=3, faults=[fault])
    outcome = host.run("precheck", Fixes="early")
    found = check(outcome.report, EARLY[fault])
    assert (found["ok"], found["fix"]["tried"], found["fix"]["ok"]) == (True, True, True)
    assert (outcome.status, outcome.stderr) == ("ready", "")


@pytest.mark.parametrize(
    ("fault", "os", "shell"),
    [*in_turn(sorted(LATE)), *((fault, os, shell) for fault, os in BY_FAMILY for shell in SHELLS)],
)
def test_late_fixes_wait_for_the_windows_start(make_host: Make, fault: str, os: str, shell: str) -> None:
    name = LATE.get(fault, "package_db")
    host = make_host(os, shell=shell, pending=3, faults=[fault])
    early = host.run("precheck", Fixes="early").report
    assert not check(early, name)["ok"]
    outcome = host.run("precheck", Fixes="all")
    found = check(outcome.report, name)
    assert (found["ok"], found["fix"]["tried"], found["fix"]["ok"]) == (True, True, True)
    assert (outcome.status, outcome.stderr) == ("ready", "")
    assert host.command("patch").status == "patched"


@pytest.mark.parametrize("os", TOOLS)
def test_without_permission_nothing_is_repaired(make_host: Make, os: str) -> None:
    faults = [*EARLY, *LATE, "db_broken"]
    host = make_host(os, pending=3, faults=faults)
    host.run("precheck", Fixes="none")  # shows the faults
    before, packages = files(host.root), host.state("packages")
    checks = host.run("precheck", Fixes="none").report["checks"]
    assert sum(not entry["ok"] for entry in checks) == len({FAILURES[fault][0] for fault in faults})
    assert not any(entry["fix"]["tried"] for entry in checks)
    assert (files(host.root), host.state("packages")) == (before, packages)


def old_kernels(host: Any) -> list[str]:
    """The three that the fault put there, oldest first."""
    first, _, rest = host.state("kernel_running").strip().partition(".")
    return [f"{int(first) - age}.{rest}" for age in (3, 2, 1)]


def files(root: Path) -> dict[str, str]:
    """Every file of the host that the document may see, without the lab's own traces."""
    passing = ("lab/", "run/", "tmp/", "tools/", "proc/", "var/lib/patch-portal/")
    paths = ((path.relative_to(root).as_posix(), path) for path in root.rglob("*") if path.is_file())
    return {name: path.read_text(errors="replace") for name, path in paths if not name.startswith(passing)}


USER_FILES = (
    *(
        "home/anna/thesis.txt",
        "var/lib/postgresql/base/1",
        "var/www/index.html",
        "root/notes",
        "opt/app/data",
    ),
    *("etc/app.conf", "etc/yum.repos.d/own.repo", "etc/apt/sources.list.d/own.list", "var/cache/app/state"),
    *("boot/config-own", "boot/vmlinuz-9.9.9-own-built", "srv/share/photo.jpg", "var/log/syslog"),
    *("var/lib/rpm/Packages", "var/lib/dpkg/status", "var/tmp/big.iso", "usr/local/bin/tool"),
)


@pytest.mark.parametrize("os", TOOLS)
def test_no_fix_removes_or_changes_user_data(make_host: Make, os: str) -> None:
    """Every fault at once, every fix allowed: only caches, old kernels and approved definitions may differ."""
    faults = [*EARLY, *LATE, "db_broken"]
    host = make_host(os, pending=3, faults=faults)
    for name in USER_FILES:
        (host.root / name).parent.mkdir(parents=True, exist_ok=True)
        (host.root / name).write_text(f"precious {name}")
    host.run("precheck", Fixes="none")  # shows the faults
    before, packages = files(host.root), host.state("packages")
    report = host.run("precheck", Fixes="all").report
    assert sum(entry["fix"]["tried"] for entry in report["checks"]) >= 4
    after = files(host.root)
    gone = set(before) - set(after)
    changed = {name for name in set(before) & set(after) if before[name] != after[name]}
    assert gone == {f"boot/vmlinuz-{kernel}" for kernel in old_kernels(host)[:2]}
    assert changed <= {host.state("repo_file").strip()}
    left = {row.split("\t")[1] for row in host.state("packages").splitlines()}
    lost = {row.split("\t")[1] for row in packages.splitlines()} - left
    assert all(name.startswith(("linux-image-", "kernel")) for name in lost)


def test_dpkgs_repair_never_removes_a_package(make_host: Make) -> None:
    host = make_host("debian12", faults=["db_broken"])
    host.tool("apt-get", f'echo "$*" >>"{host.root}/calls"\nexec {template.BIN}/apt-get "$@"')
    host.tool("dpkg", f'echo "dpkg $*" >>"{host.root}/calls"\nexec {template.BIN}/dpkg "$@"')
    host.run("precheck", Fixes="all")
    assert "dpkg --force-confdef --force-confold --configure -a\n" in (host.root / "calls").read_text()
    repairs = [line for line in (host.root / "calls").read_text().splitlines() if "-f install" in line]
    assert repairs
    assert all("--no-remove" in line for line in repairs)


def test_a_rebuilt_rpm_database_leaves_the_old_one_beside_it(make_host: Make) -> None:
    host = make_host("rhel9", faults=["db_unreadable"])
    (host.root / "var/lib/rpm/rpmdb.sqlite").write_text("old pages")
    report = host.run("precheck", Fixes="all").report
    assert check(report, "package_db")["fix"]["detail"].startswith("Rebuilt the package database")
    kept = host.root / f"var/lib/patch-portal/rpm-database-{report['dispatch']}/rpmdb.sqlite"
    assert kept.read_text() == "old pages"


def test_without_room_for_the_old_rpm_database_nothing_is_rebuilt(make_host: Make) -> None:
    host = make_host("rhel9", faults=["db_unreadable"])
    host.tool("cp", 'case "$1" in -Rp) exit 1 ;; esac\nexec /bin/cp "$@"')
    found = check(host.run("precheck", Fixes="all").report, "package_db")
    assert (found["ok"], found["fix"]["ok"]) == (False, False)
    assert "cannot be kept" in found["fix"]["detail"]


def test_a_definition_that_cannot_be_kept_is_not_replaced(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["repo_broken"])
    host.run("precheck")
    broken = (host.root / "etc/apt/sources.list").read_text()
    host.tool("cp", 'case "$1" in -p) exit 1 ;; esac\nexec /bin/cp "$@"')
    assert host.run("precheck", Fixes="all").status == "blocked"
    assert (host.root / "etc/apt/sources.list").read_text() == broken


def test_two_replaced_definitions_of_one_name_are_both_kept(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["repo_broken"])
    for folder in ("etc/apt", "etc/patch-portal/approved-repos/etc/apt"):
        extra = host.root / folder / "sources.list.d/sources.list"
        extra.parent.mkdir()
        extra.write_text(f"# {folder}\n")
    report = host.run("precheck", Fixes="all").report
    kept = host.root / f"var/lib/patch-portal/replaced-repos/{report['dispatch']}/etc/apt"
    assert (kept / "sources.list.d/sources.list").read_text() == "# etc/apt\n"
    assert "127.0.0.1:9" in (kept / "sources.list").read_text()


def test_only_definitions_that_were_approved_are_replaced(make_host: Make) -> None:
    host = make_host("rhel9", pending=1, faults=["repo_broken"])
    own = host.root / "etc/yum.repos.d/own.repo"
    own.write_text("[own]\ngpgcheck=1\n")
    assert host.run("precheck", Fixes="all").status == "ready"
    assert own.read_text() == "[own]\ngpgcheck=1\n"


def test_an_active_agent_is_not_restarted_to_be_enabled(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["agent_disabled"])
    host.tool("systemctl", f'echo "$*" >>"{host.root}/calls"\nexec {template.BIN}/systemctl "$@"')
    fix = check(host.run("precheck", Fixes="all").report, "agent")["fix"]
    assert fix["detail"] == "Enabled the SSM agent, so that it comes back after a reboot."
    assert "restart" not in (host.root / "calls").read_text()
