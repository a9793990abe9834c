"""Every check of the pre-check: seen failing, and what a failure does. Repairs are in test_fixes.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.unit.patching.documents.shells import SHELLS

Make = Callable[..., Any]
TOOLS = ["debian12", "rhel9", "sles15"]
NAMES = [
    *("supported_os", "filesystems", "package_lock", "disk_space", "inodes", "memory", "load"),
    *("package_db", "repository_signing", "repositories", "agent", "pending_reboot", "clock"),
]
# fault: the check that fails, the error code that blocks ("" = told only), words of its detail.
FAILURES = {
    "filesystem_readonly": ("filesystems", "filesystem_unusable", "/var is mounted read-only"),
    "disk_full": ("disk_space", "disk_full", "/ has 137 MB free"),
    "old_kernels_fill_boot": ("disk_space", "disk_full", "/boot has 80 MB free; 100 MB are needed"),
    "inodes_full": ("inodes", "inodes_full", "/ has 0 inodes free; 10000 inodes are needed"),
    "memory_low": ("memory", "memory_low", "40 MB of memory and swap are free; 128 MB are needed"),
    "load_high": ("load", "", "Load over five minutes is 38.50 on 2 processors"),
    "lock_held": ("package_lock", "lock_held", "Process 4242 (other-updater)"),
    "db_broken": ("package_db", "package_db_broken", "Half installed: "),
    "db_unreadable": ("package_db", "package_db_broken", "The package database cannot be read: "),
    "repo_broken": ("repositories", "repository_unreachable", "did not answer ("),
    "repo_unsigned": (
        "repositories",
        "repository_unsigned",
        "signature of a package repository is not accepted (",
    ),
    "repo_signing_off": ("repository_signing", "", "Taken without any signature: "),
    "agent_inactive": ("agent", "", "The SSM agent 3.3.1957.0 is inactive and enabled"),
    "agent_disabled": ("agent", "", "is active and disabled"),
    "clock_off": ("clock", "", "The clock is not synchronised"),
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
    name, code, words = FAILURES[fault]
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
    outcome = host.command("patch", Fixes="none")
    assert (outcome.codes, outcome.status, outcome.report["changes"]) == ([1], "blocked", [])
    assert host.state("pending") == before


def test_the_repository_that_failed_is_named_without_its_password(make_host: Make) -> None:
    host = make_host("debian12", pending=3)
    host.tool(
        "apt-get",
        """case " $* " in *" update "*)
    echo "Hit:1 http://good.example.internal/os stable InRelease"
    echo "Err:2 https://robot:secret@bad.example.internal/extra stable InRelease"
    echo "E: Failed to fetch https://robot:secret@bad.example.internal/extra/dists/stable/InRelease  Timed out"
    exit 100 ;; esac""",
    )
    detail = host.run("precheck").report["error"]["detail"]
    assert "(https://bad.example.internal/extra stable)" in detail
    assert "good.example" not in detail
    assert "secret" not in detail


def test_no_error_tells_a_password(make_host: Make) -> None:
    host = make_host("rhel9", pending=3)
    words = "Error: Cannot download https://robot:secret@mirror.example.internal/repodata"
    host.tool("dnf", f'case " $* " in *check-update*) echo "{words}" >&2; exit 1 ;; esac')
    outcome = host.run("precheck")
    assert "https://mirror.example.internal/repodata" in outcome.report["error"]["detail"]
    assert "secret" not in outcome.stdout


@pytest.mark.parametrize(
    ("os", "tool", "words", "name"),
    [
        (
            "rhel9",
            "dnf",
            "Error: Failed to download metadata for repo 'epel': Cannot download repomd.xml",
            "epel",
        ),
        ("rhel9", "dnf", "Cannot find a valid baseurl for repo: base/7/x86_64", "base/7/x86_64"),
        ("sles15", "zypper", "Repository 'SLE-Module' is invalid.", "SLE-Module"),
    ],
)
def test_dnf_and_zypper_name_the_repository(
    make_host: Make, os: str, tool: str, words: str, name: str
) -> None:
    host = make_host(os, pending=3)
    host.tool(tool, f'case " $* " in *makecache*|*refresh*) echo "{words}" >&2; exit 4 ;; esac')
    error = host.run("precheck").report["error"]
    assert (error["code"], f"({name})" in error["detail"]) == ("repository_unreachable", True)


ZYPPER_REFRESH = """\
Retrieving repository 'Dead Repo' metadata [.error]
Repository 'Dead Repo' is invalid.
[dead|http://robot@127.0.0.1:9/x] Valid metadata not found at specified URL
 - Download (curl) error for 'http://robot@127.0.0.1:9/x/content':
Error code: Connection failed
Error message: Failed to connect to 127.0.0.1 port 9 after 0 ms
Skipping repository 'Dead Repo' because of the above error.
Repository 'updates' is up to date.
Retrieving repository 'other' metadata [.done]
Building repository 'other' cache [....done]
Some of the repositories have not been refreshed because of an error.
"""


def test_zyppers_words_of_healthy_repositories_are_no_complaint(make_host: Make) -> None:
    host = make_host("sles15", pending=1)
    (host.root / "refresh.txt").write_text(ZYPPER_REFRESH)
    host.tool("zypper", f'case " $* " in *" refresh "*) cat {host.root}/refresh.txt; exit 4 ;; esac')
    assert host.run("precheck").report["error"]["detail"] == (
        "A package repository did not answer (Dead Repo): "
        "Error message: Failed to connect to 127.0.0.1 port 9 after 0 ms"
    )


@pytest.mark.parametrize(
    ("os", "tool", "words", "code"),
    [
        ("rhel9", "dnf", 'There are no enabled repositories in "/etc/yum.repos.d".', 0),
        ("rhel9", "dnf", "There are no enabled repos.", 1),
        ("sles15", "zypper", "Warning: No repositories defined.", 6),
    ],
)
def test_no_repository_at_all_is_told_so(make_host: Make, os: str, tool: str, words: str, code: int) -> None:
    host = make_host(os)
    host.tool(tool, f"case \" $* \" in *makecache*|*refresh*) echo '{words}'; exit {code} ;; esac")
    error = host.run("precheck").report["error"]
    assert error == {"code": "repository_unreachable", "detail": "No package repository is configured."}


def test_apt_without_any_repository_is_no_host_without_updates(make_host: Make) -> None:
    """apt-get update exits 0 and says nothing: it would look up to date for ever."""
    host = make_host("debian12")
    host.tool("apt-get", "exit 0")
    report = host.run("precheck").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "repository_unreachable")
    assert report["error"]["detail"] == "No package repository is configured."


@pytest.mark.parametrize("shell", ["dash", "busybox sh"])
@pytest.mark.parametrize(
    ("os", "path", "text", "unsigned"),
    [
        (
            "debian12",
            "etc/apt/sources.list",
            "deb [signed-by=/k trusted=yes] http://a stable main",
            "http://a",
        ),
        ("debian12", "etc/apt/sources.list", "# deb [trusted=yes] http://a stable main", ""),
        (
            "debian12",
            "etc/apt/sources.list.d/x.sources",
            "Types: deb\nURIs: http://b\nTrusted: yes\n",
            "http://b",
        ),
        ("debian12", "etc/apt/sources.list.d/x.sources", "URIs: http://b\nTrusted: yes\nEnabled: no\n", ""),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nenabled = 1\ngpgcheck = 0\n", "x"),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nenabled=0\ngpgcheck=0\n", ""),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nbaseurl=http://x\n", "x"),
        ("rhel9", "etc/yum.repos.d/x.repo", "[x]\nrepo_gpgcheck=1\ngpgcheck=0\n", ""),
        ("rhel9", "etc/dnf/dnf.conf", "[main]\ngpgcheck=1\n[x]\nbaseurl=http://x\n", ""),
        ("sles15", "etc/zypp/repos.d/x.repo", "[x]\nenabled=1\n", ""),
        ("sles15", "etc/zypp/repos.d/x.repo", "[x]\nenabled=1\ngpgcheck=0\n", "x"),
    ],
)
def test_a_definition_without_signatures_is_told(
    make_host: Make, os: str, path: str, text: str, unsigned: str, shell: str
) -> None:
    host = make_host(os, shell=shell)
    (host.root / path).parent.mkdir(parents=True, exist_ok=True)
    (host.root / path).write_text(text)
    found = check(host.run("precheck").report, "repository_signing")
    assert found["ok"] is (unsigned == "")
    if unsigned:
        assert found["detail"] == f"Taken without any signature: {unsigned} "


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


def test_a_cache_that_has_not_expired_hides_no_dead_repository(make_host: Make) -> None:
    """dnf asks no repository while its cache is fresh."""
    host = make_host("rhel9", pending=1)
    host.tool("dnf", f'echo "$*" >>"{host.root}/calls"\nexec {template.BIN}/dnf "$@"')
    host.run("precheck")
    first, *others = (host.root / "calls").read_text().splitlines()
    assert {"check-update", "--refresh", "--setopt=*.skip_if_unavailable=False"} <= set(first.split())
    assert not any("--refresh" in line for line in others)


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
