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


def test_dnf_takes_out_nothing_but_the_older_versions(make_host: Make) -> None:
    host = make_host("rhel9", pending=0, faults=["db_broken"])
    host.run("precheck")
    rows = host.state("packages").splitlines()
    fix = check(host.run("precheck", Fixes="all").report, "package_db")["fix"]
    assert fix["ok"]
    assert fix["detail"].startswith("Took out the older versions of ")
    assert host.state("packages").splitlines() == rows[1:]  # the older one stands first


@pytest.mark.parametrize(
    "plan",
    [
        "Removing:\n bash  x86_64  1-1  @System  1 M\nRemoving dependent packages:\n shop  noarch  1-1  @own  2 M",
        "Removing:\n shop  noarch  1-1  @own  2 M",
        "Removing:\n a-shop-with-a-name-that-does-not-fit-on-one-line\n       noarch  1-1  @own  2 M",
        "Removing:\n bash  x86_64  1-1  @System  1 M\nRemoving unused dependencies:\n tool  noarch  1  @own  2 M",
        "Reinstalling:\n bash  x86_64  1-1  updates  1 M\n     replacing  shop.noarch 1.0-1",
        "Reinstalling:\n bash  x86_64  1-1  updates  1 M\nDowngrading:\n bash  x86_64  1-1  updates  1 M",
    ],
)
def test_dnf_leaves_duplicates_alone_when_more_would_go(make_host: Make, plan: str) -> None:
    host = make_host("rhel9", faults=["db_broken"])
    host.run("precheck")
    first = host.state("packages").split("\t")[1]
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*) cat <<'END'
{plan.replace("bash", first)}

Transaction Summary
END
exit 1 ;; *" remove --duplicates"*) echo x >"{host.root}/removed" ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    report = host.run("precheck", Fixes="all").report
    assert check(report, "package_db")["fix"]["detail"].startswith(
        "Not tried: the plan touches more than the older versions: "
    )
    assert not (host.root / "removed").exists()
    assert (report["status"], report["error"]["code"]) == ("blocked", "package_db_broken")


def test_dnf_reinstalls_the_newest_over_the_older(make_host: Make) -> None:
    """As dnf 4.14 plans it where the newest is in a repository (recorded)."""
    host = make_host("rhel9", faults=["db_broken"])
    host.run("precheck")
    first = host.state("packages").split("\t")[1]
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*) cat <<'END'
Last metadata expiration check: 0:00:01 ago on Tue Nov 24 01:02:27 2026.
Dependencies resolved.
================================================================================
 Package           Architecture      Version           Repository          Size
================================================================================
Reinstalling:
 {first}            x86_64            9:2.0-1             updates            5.9 k
     replacing  {first}.x86_64 1.0-1

Transaction Summary
================================================================================

Total size: 5.9 k
END
exit 1 ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    assert check(host.run("precheck", Fixes="all").report, "package_db")["fix"]["ok"]


def test_dnf_that_finds_no_way_is_not_made_to_go(make_host: Make) -> None:
    host = make_host("rhel9", faults=["db_broken"])
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*)
    printf 'Error: \\n Problem: problem with installed package shop-1.0-1.noarch\\n' >&2; exit 1 ;;
*" -y remove "*) echo x >"{host.root}/removed" ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    fix = check(host.run("precheck", Fixes="all").report, "package_db")["fix"]
    assert (
        fix["detail"]
        == "Not tried: dnf finds no way:  Problem: problem with installed package shop-1.0-1.noarch"
    )
    assert not (host.root / "removed").exists()


def test_zypper_takes_the_older_versions_out_and_installs_the_newest_again(make_host: Make) -> None:
    host = make_host("sles15", faults=["db_broken"])
    host.tool("zypper", f"""echo "$*" >>"{host.root}/asked"; exec {template.BIN}/zypper "$@\"""")
    fix = check(host.run("precheck", Fixes="all").report, "package_db")["fix"]
    assert fix["ok"], fix
    assert fix["detail"].startswith("Took out the older versions of ")
    assert " install --force " in (host.root / "asked").read_text()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("<to-remove><solvable type='package'>", "finds no way"),
        (
            '<to-install><solvable type="package" name="shop" edition="1" arch="noarch">',
            "touches more than the older versions: shop",
        ),
    ],
)  # fmt: skip
def test_zypper_is_not_let_do_more_than_that(make_host: Make, plan: str, words: str) -> None:
    host = make_host("sles15", faults=["db_broken"])
    end = "exit 4" if "no way" in words else "exit 0"
    host.tool(
        "zypper",
        f"""case " $* " in
    *" verify --dry-run "*) echo '{plan}'; {end} ;;
    *" verify "*) : >"{host.root}/verified" ;;
esac
exec {template.BIN}/zypper "$@\"""",
    )
    report = host.run("precheck", Fixes="all").report
    assert words in check(report, "package_db")["fix"]["detail"]
    assert report["error"]["code"] == "package_db_broken"
    assert not (host.root / "verified").exists()


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
