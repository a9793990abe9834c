"""The pre-check's checks and fixes against real package managers: what fails, what is repaired, what stays."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from tests.hosts.conftest import OPERATING_SYSTEMS, Outcome, RootHost

Make = Callable[..., RootHost]
pytestmark = pytest.mark.timeout(600)
COMMANDS = itertools.count()
# One system of each package tool, as far as this lab builds them.
TOOLS = [name for name in ("debian12", "rhel9", "sles15") if name in OPERATING_SYSTEMS]
# fault: check, error code ("" = told only), words, and whether an early or only a late fix helps ("" = none does).
FAULTS = {
    "filesystem_readonly": ("filesystems", "filesystem_unusable", "/usr is mounted read-only", ""),
    "disk_full": ("disk_space", "disk_full", "MB free; 1030 MB are needed", "early"),
    "disk_full_unfixable": ("disk_space", "disk_full", "MB free; 1030 MB are needed", ""),
    "inodes_full": ("inodes", "inodes_full", "inodes are needed", ""),
    "lock_held": ("package_lock", "lock_held", " has held the package lock", ""),
    "db_broken": ("package_db", "package_db_broken", "Half installed: labapp", "late"),
    "repo_broken": ("repositories", "repository_unreachable", "did not answer (", "late"),
    "repo_broken_unfixable": ("repositories", "repository_unreachable", "did not answer (", ""),
    "repo_signing_off": ("repository_signing", "", "Taken without any signature: ", "late"),
    "agent_inactive": ("agent", "", "is inactive", "early"),
    "agent_disabled": ("agent", "", "and disabled", "late"),
}


def precheck(host: RootHost, fixes: str) -> Outcome:
    sent = str(int(time.time()))
    return host.command("precheck", f"command-{next(COMMANDS)}", Fixes=fixes, MinFreeMb="1030", SentAt=sent)


@pytest.mark.parametrize("os_name", TOOLS)
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_is_seen_and_repaired_when_that_is_safe(make_host: Make, fault: str, os_name: str) -> None:
    name, code, words, level = FAULTS[fault]
    host = make_host(os_name, kernel_update=False, faults=(fault,))
    told = precheck(host, "none")
    found = told.check(name)
    assert (found["ok"], found["fix"]["tried"], told.stderr) == (False, False, "")
    assert words in found["detail"]
    assert (told.status, told.error) == (("blocked", code) if code else ("ready", ""))
    if level == "late":
        assert not precheck(host, "early").check(name)["ok"]
    repaired = precheck(host, "early" if level == "early" else "all")
    assert repaired.check(name)["ok"] is (level != "")


@pytest.mark.parametrize("os_name", TOOLS)
def test_a_healthy_host_passes_every_check(make_host: Make, os_name: str) -> None:
    outcome = precheck(make_host(os_name, kernel_update=False), "all")
    assert (outcome.status, outcome.stderr) == ("ready", "")
    checks = outcome.report["checks"]
    assert [check for check in checks if not check["ok"] or check["fix"]["tried"]] == []
    # nothing in these hosts keeps the time
    assert {check["name"] for check in checks if "Not measured" in check["detail"]} <= {"clock"}


@pytest.mark.parametrize("os_name", [name for name in TOOLS if name != "rhel9"])
def test_a_repository_signed_by_a_stranger_blocks(make_host: Make, os_name: str) -> None:
    """dnf looks at signatures when it installs: there the packages themselves are refused."""
    outcome = precheck(make_host(os_name, kernel_update=False, faults=("repo_unsigned",)), "all")
    assert (outcome.status, outcome.error) == ("blocked", "repository_unsigned")
    assert "name unknown" not in outcome.report["error"]["detail"]


@pytest.mark.parametrize("os_name", TOOLS)
def test_the_holder_of_the_lock_is_named(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False, faults=("lock_held",))
    holder = host.ask("cat /run/lab-lock-holder").strip()
    title = host.ask(f"cat /proc/{holder}/comm").strip()
    told = precheck(host, "all")
    assert f"Process {holder} ({title}) has held the package lock" in told.report["error"]["detail"]
    assert told.report["before"]["packages"]["upgradable"] is None
    host.fault("lock_held", on=False)
    assert precheck(host, "all").status == "ready"


# Three kernels more than anybody boots, as packages of the host's own tool.
OLD_KERNELS = {
    "debian12": """
        for r in 3.1.0-40 4.1.0-40 5.1.0-40; do
            rm -rf /tmp/k; mkdir -p /tmp/k/DEBIAN /tmp/k/boot; : >/tmp/k/boot/vmlinuz-$r-cloud-amd64
            echo "Package: linux-image-$r-cloud-amd64" >/tmp/k/DEBIAN/control
            echo "Version: $r" >>/tmp/k/DEBIAN/control
            printf 'Architecture: amd64\\nMaintainer: lab\\nDescription: lab\\n' >>/tmp/k/DEBIAN/control
            dpkg-deb -b /tmp/k /tmp/k.deb && dpkg -i /tmp/k.deb
        done""",
    "rhel9": "rpm -i --force --nodeps /srv/repo/kernel-*/kernel*.rpm /srv/repo/old-*/kernel*.rpm",
}


@pytest.mark.parametrize("os_name", [name for name in OLD_KERNELS if name in TOOLS])
def test_old_kernels_make_room_and_three_stay(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    host.ask(f"({OLD_KERNELS[os_name]}) >/tmp/out 2>&1 || {{ cat /tmp/out >&2; exit 1; }}")
    running = host.ask("uname -r").strip()
    there = set(host.ask("ls /boot | sed -n 's/^vmlinuz-//p'").split())
    assert len(there) == 4
    found = host.command("precheck", "command-k", Fixes="all", MinFreeMb="9999999")
    left = set(host.ask("ls /boot | sed -n 's/^vmlinuz-//p'").split())
    (gone,) = there - left if os_name == "rhel9" else {tuple(sorted(there - left))}
    assert running in left
    fix = found.check("disk_space")["fix"]
    assert "Removed the old kernels " in fix["detail"]
    if os_name == "debian12":
        assert gone == ("3.1.0-40-cloud-amd64", "4.1.0-40-cloud-amd64")
    else:
        assert gone == "5.14.0-427.13.1.el9_4.x86_64"
    assert found.report["before"]["broken"] == []


@pytest.mark.parametrize("os_name", TOOLS)
def test_no_fix_touches_the_owners_files(make_host: Make, os_name: str) -> None:
    faults = ("disk_full", "db_broken", "repo_broken", "agent_inactive")
    host = make_host(os_name, kernel_update=False, faults=faults)
    # everything that no package owns and no package tool writes, before and after all fixes
    listing = (
        "mkdir -p /home/anna /srv/own /var/www; echo thesis >/home/anna/thesis; echo page >/var/www/index.html; "
        "find /home /root /opt /var/www /etc /usr/local -xdev -type f ! -path '/etc/lab/*' -exec md5sum {} + | sort -k2"
    )
    before = host.ask(listing).splitlines()
    tried = [check["name"] for check in precheck(host, "all").report["checks"] if check["fix"]["tried"]]
    assert tried == ["disk_space", "package_db", "repositories", "agent"]
    after = set(host.ask(listing).splitlines())
    changed = {line.split()[1] for line in before if line not in after}
    allowed = (
        "/etc/apt/sources.list",
        "/etc/yum.repos.d/lab.repo",
        "/etc/zypp/repos.d/lab.repo",
        "/etc/ld.so.cache",
    )
    assert len(before) > 20
    assert changed <= set(allowed)
