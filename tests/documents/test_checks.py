"""Every check of the pre-check: seen failing, and what a failure does. Repairs are in test_fixes.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.shells import SHELLS

Make = Callable[..., Any]
TOOLS = ["debian12", "rhel9", "sles15"]
NAMES = [
    *("supported_os", "filesystems", "package_lock", "disk_space", "inodes", "memory", "load", "swap"),
    *("package_db", "repository_signing", "repositories", "agent", "pending_reboot", "clock", "updates"),
    *("withheld", "release"),
]
# fault: the check that fails, the error code that blocks ("" = told only), words of its detail, and whether an early
# or only a late fix helps ("" = none does).
FAILURES = {
    "filesystem_readonly": ("filesystems", "filesystem_unusable", "/var is mounted read-only", ""),
    "disk_full": ("disk_space", "disk_full", "/ has 137 MB free", "early"),
    "old_kernels_fill_boot": ("disk_space", "disk_full", "/boot has 80 MB free; 100 MB are needed", "late"),
    "inodes_full": ("inodes", "inodes_full", "/ has 0 inodes free; 10000 inodes are needed", "early"),
    "memory_low": ("memory", "memory_low", "40 MB of memory and swap are free; 128 MB are needed", ""),
    "load_high": ("load", "", "Load over five minutes is 38.50 on 2 processors", ""),
    "swap_full": ("swap", "", "2027 of 2047 MB of swap are in use; 2906 MB of memory are available", "late"),
    "lock_held": ("package_lock", "lock_held", "Process 4242 (other-updater)", ""),
    "db_broken": ("package_db", "package_db_broken", "Half installed: ", "late"),
    "db_unreadable": ("package_db", "package_db_broken", "The package database cannot be read: ", "late"),
    "repo_broken": ("repositories", "repository_unreachable", "did not answer (", "late"),
    "repo_unsigned": (
        "repositories",
        "repository_unsigned",
        "signature of a package repository is not accepted (",
        "",
    ),
    "repo_signing_off": ("repository_signing", "", "Taken without any signature: ", "late"),
    "agent_inactive": ("agent", "", "The SSM agent 3.3.1957.0 is inactive and enabled", "early"),
    "agent_disabled": ("agent", "", "is active and disabled", "late"),
    "clock_off": ("clock", "", "The clock is not synchronised", ""),
}


def in_turn(faults: list[str]) -> list[tuple[str, str, str]]:
    """Each fault with every package tool and every shell, in as many pairs as there are of either."""
    return [
        (fault, os, SHELLS[(i + j) % len(SHELLS)])
        for i, fault in enumerate(faults)
        for j, os in enumerate(TOOLS)
    ]


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in report["checks"] if entry["name"] == name)


@pytest.mark.parametrize("os", TOOLS)
def test_a_healthy_host_passes_every_check_in_order(make_host: Make, os: str) -> None:
    report = make_host(os, pending=3).run("precheck", SentAt=str(int(time.time()))).report
    assert [entry["name"] for entry in report["checks"]] == NAMES
    assert [entry for entry in report["checks"] if not entry["ok"] or entry["fix"]["tried"]] == []
    assert [entry for entry in report["checks"] if "Not measured" in entry["detail"]] == []


@pytest.mark.parametrize(("fault", "os", "shell"), in_turn(sorted(FAILURES)))
def test_each_fault_fails_its_check_and_blocks_or_is_told(
    make_host: Make, fault: str, os: str, shell: str
) -> None:
    name, code, words, _ = FAILURES[fault]
    outcome = make_host(os, shell=shell, pending=3, faults=[fault]).run("precheck", Fixes="none")
    report = outcome.report
    found = check(report, name)
    assert (found["ok"], found["fix"]["tried"], outcome.stderr) == (False, False, "")
    assert words in found["detail"]
    assert report["status"] == ("blocked" if code else "ready")
    assert (report["error"] or {"code": ""})["code"] == code
    others = {entry["name"] for entry in report["checks"] if not entry["ok"]} - {name}
    assert others <= ({"repositories"} if fault == "lock_held" else set())


@pytest.mark.parametrize(
    ("fault", "os"),
    [(fault, TOOLS[i % 3]) for i, fault in enumerate(sorted(FAILURES)) if FAILURES[fault][1]],
)
def test_a_blocking_fault_stops_the_patch_before_any_install(make_host: Make, fault: str, os: str) -> None:
    host = make_host(os, pending=3, faults=[fault])
    before = host.state("pending")
    outcome = host.command("patch")
    assert (outcome.codes, outcome.status, outcome.report["changes"]) == ([1], "blocked", [])
    assert host.state("pending") == before


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (0, "The clock is synchronised."),
        (-250, "The clock is synchronised."),
        (-400, "behind the portal's"),
        (3600, "The clock is synchronised."),
        (10_000, "a clock that runs ahead"),
    ],
)
def test_the_clock_is_held_against_the_portals(make_host: Make, away: int, words: str) -> None:
    report = make_host("debian12").run("precheck", SentAt=str(int(time.time()) - away)).report
    found = check(report, "clock")
    assert words in found["detail"]
    assert found["ok"] is (words == "The clock is synchronised.")
    assert report["status"] == "nothing_to_do"


def test_chrony_tells_where_timedatectl_does_not(make_host: Make) -> None:
    host = make_host("debian12")
    host.tool("timedatectl", "exit 1")
    host.tool("chronyc", 'printf "Reference ID    : 7F7F0101 ()\\nLeap status     : Not synchronised\\n"')
    assert check(host.run("precheck").report, "clock")["detail"] == "The clock is not synchronised."


@pytest.mark.parametrize(
    ("name", "path", "reason"),
    [
        ("memory", "proc/meminfo", "how much memory"),
        ("swap", "proc/meminfo", "how much swap"),
        ("load", "proc/loadavg", "load or number of processors"),
        ("filesystems", "proc/mounts", "list of mounts"),
    ],
)
def test_what_cannot_be_measured_says_why_and_blocks_nothing(
    make_host: Make, name: str, path: str, reason: str
) -> None:
    host = make_host("debian12", pending=1)
    (host.root / path).unlink()
    report = host.run("precheck").report
    found = check(report, name)
    assert found["ok"]
    assert found["detail"].startswith("Not measured: ")
    assert reason in found["detail"]
    assert report["status"] == "ready"


@pytest.mark.parametrize("name", ["df", "timedatectl", "systemctl"])
def test_a_tool_that_tells_nothing_blocks_nothing(make_host: Make, name: str) -> None:
    host = make_host("debian12", pending=1)
    host.tool(name, "exit 1")
    report = host.run("precheck").report
    checks = {"df": ["disk_space", "inodes"], "timedatectl": ["clock"], "systemctl": ["agent"]}[name]
    assert all(check(report, one)["detail"].startswith("Not measured: ") for one in checks)
    assert report["status"] == "ready"


def test_noexec_on_var_stops_dpkg_and_only_dpkg(make_host: Make) -> None:
    table = "/dev/a / ext4 rw 0 0\n/dev/b /var xfs rw,noexec,nosuid 0 0\n"
    for os, status in (("debian12", "blocked"), ("rhel9", "ready")):
        host = make_host(os, pending=1)
        (host.root / "proc/mounts").write_text(table)
        report = host.run("precheck").report
        assert report["status"] == status
        assert check(report, "filesystems")["ok"] is (status == "ready")


def test_the_last_mount_on_a_path_counts(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    (host.root / "proc/mounts").write_text("rootfs / rootfs ro 0 0\n/dev/a / ext4 rw 0 0\n")
    assert host.run("precheck").status == "ready"


def test_a_held_lock_leaves_the_later_checks_unmeasured(make_host: Make) -> None:
    report = (
        make_host("debian12", pending=1, faults=["lock_held", "disk_full"])
        .run("precheck", Fixes="all")
        .report
    )
    for name in ("package_db", "repository_signing", "repositories"):
        assert check(report, name)["detail"] == "Not measured: other package work is going on."
    assert "other package work" in check(report, "disk_space")["fix"]["detail"]
    assert report["error"]["code"] == "lock_held"
    assert report["before"]["packages"]["upgradable"] is None


def test_a_name_of_a_process_that_is_gone_is_unknown(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["lock_held"])
    host.run("precheck")
    (host.root / "proc/4242/comm").unlink()
    assert "Process 4242 (name unknown)" in host.run("precheck").report["error"]["detail"]


def test_the_lists_lock_of_apt_counts_too(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    lock = host.root / "var/lib/apt/lists/lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    (host.root / "proc/locks").write_text(f"1: POSIX  ADVISORY  WRITE 77 08:01:{lock.stat().st_ino} 0 EOF\n")
    assert "Process 77 " in host.run("precheck").report["error"]["detail"]


def test_an_interrupted_dpkg_database_is_broken(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    (host.root / "var/lib/dpkg/updates").mkdir()
    (host.root / "var/lib/dpkg/updates/0001").touch()
    assert "(dpkg was interrupted)" in host.run("precheck").report["error"]["detail"]


def test_packages_that_do_not_fit_together_are_told(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.tool(
        "apt-get",
        f"""case " $* " in *" check "*) echo "E: Unmet dependencies. Try apt --fix-broken" >&2; exit 100 ;; esac
exec {template.BIN}/apt-get "$@\"""",
    )
    error = host.run("precheck").report["error"]
    assert (error["code"], "Unmet dependencies" in error["detail"]) == ("package_db_broken", True)


def test_an_agent_of_long_ago_is_told(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.tool("amazon-ssm-agent", 'echo "SSM Agent version: 2.3.714.0"')
    report = host.run("precheck").report
    assert "Version 3 or later is needed" in check(report, "agent")["detail"]
    assert report["status"] == "ready"


@pytest.mark.parametrize("os", TOOLS)
def test_the_agents_package_tells_its_version(make_host: Make, os: str) -> None:
    host = make_host(os, pending=1)
    with (host.root / "lab/packages").open("a") as packages:
        packages.write("ii\tamazon-ssm-agent\tamd64\t3.3.987.0-1\n")
    assert "The SSM agent 3.3.987.0-1 is" in check(host.run("precheck").report, "agent")["detail"]


def test_the_agent_of_a_snap_is_found(make_host: Make) -> None:
    host = make_host("ubuntu2404", pending=1)
    host.tool(
        "systemctl",
        'case " $* " in *snap.amazon-ssm-agent.amazon-ssm-agent*) ;; *) exit 1 ;; esac\n'
        'case " $* " in *is-active*) echo active ;; *is-enabled*) echo enabled ;; esac',
    )
    assert check(host.run("precheck").report, "agent")["detail"] == (
        "The SSM agent 3.3.1957.0 is active and enabled."
    )


@pytest.mark.parametrize("os", TOOLS)
def test_a_report_with_everything_wrong_keeps_every_check(make_host: Make, os: str) -> None:
    faults = [fault for fault in FAILURES if fault not in {"lock_held", "disk_full"}]
    outcome = make_host(os, pending=300, faults=faults).run("precheck", Fixes="all")
    report = outcome.report
    assert [entry["name"] for entry in report["checks"]] == NAMES
    assert len(outcome.stdout[outcome.stdout.index("<<<PATCH") :]) <= 20_000


@pytest.mark.parametrize("os", TOOLS)
def test_without_a_package_database_the_number_of_updates_is_unknown(make_host: Make, os: str) -> None:
    report = make_host(os, pending=3, faults=["db_unreadable"]).run("precheck").report
    assert report["before"]["packages"]["upgradable"] is None


def test_a_package_without_checksums_is_not_broken(make_host: Make) -> None:
    """dpkg --audit names it; many packages of third parties are made so."""
    host = make_host("debian12", pending=3)
    host.tool(
        "dpkg",
        'case $1 in --audit) printf "The following packages are missing the md5sums control file:\\n shop  own\\n" ;;\n'
        f'*) exec {template.BIN}/dpkg "$@" ;; esac',
    )
    assert host.run("precheck").status == "ready"


def test_dnfs_own_lock_names_its_holder(make_host: Make) -> None:
    """dnf writes the process id without a newline, and a lock of a process that is gone does not count."""
    host = make_host("rhel9", pending=3)
    (host.root / "var/cache/dnf/metadata_lock.pid").write_text("815")
    assert host.run("precheck").status == "ready"
    (host.root / "proc/815").mkdir()
    (host.root / "proc/815/comm").write_text("dnf\n")
    assert "Process 815 (dnf) has held" in host.run("precheck").report["error"]["detail"]
