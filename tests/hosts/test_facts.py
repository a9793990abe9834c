"""Every fact of the report, held against what the host's own tools say by other commands than the document's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from patching.states import Agreement, Verdict
from tests.hosts.conftest import OPERATING_SYSTEMS, Outcome, RootHost, verdict

pytestmark = pytest.mark.timeout(900)
Make = Callable[..., RootHost]
Facts = dict[str, Any]
FAMILY = {"debian12": "apt", "ubuntu2404": "apt", "amzn2023": "dnf", "rhel9": "dnf", "sles15": "zypper"}
RPM_ALL = "rpm -qa --qf '%{NAME} %{ARCH} %{VERSION}-%{RELEASE}\\n' | grep -v ^gpg-pubkey"
INSTALLED = {
    "apt": "dpkg-query -W -f '${Package} ${Architecture} ${Version}\\n'",
    "dnf": RPM_ALL,
    "zypper": RPM_ALL,
}
# name and version of each update, by another command than the one the document asks
PENDING = {
    "apt": "apt list --upgradable 2>/dev/null | sed -n 's,^\\([^/]*\\)/[^ ]* \\([^ ]*\\) .*,\\1 \\2,p' | grep -vxF "
    '"$(apt-mark showhold | while read -r n; do apt-cache policy $n | sed -n "s/ *Candidate: /$n /p"; done)"; '
    "apt-get -s full-upgrade | sed -n 's/^Inst \\([^ ]*\\) (\\([^ ]*\\) .*/\\1 \\2/p'",
    "dnf": "dnf -q repoquery --upgrades --qf '%{name} %{evr}' | sed 's/ 0:/ /' | grep -v "
    "\"^$(dnf -q versionlock list | sed 's/-[0-9]*:.*//') \"",
    "zypper": "zypper -n list-updates | awk -F'|' '$1 ~ /^v/ { gsub(/ /, \"\"); print $3, $5 }'",
}
HELD = {
    "apt": "apt-mark showhold",
    "dnf": "dnf -q versionlock list | sed 's/-[0-9]*:.*//'",
    "zypper": "zypper -n locks | awk -F'|' '/^[0-9]/ { gsub(/ /, \"\"); print $2 }'",
}
# prints nothing when all is well
UNWELL = {
    "apt": "dpkg --audit; apt-get -qq check",
    "dnf": "dnf -q check",
    "zypper": "rpm -Va --nofiles --nodigest --noscripts",
}


def own_facts(host: RootHost) -> Facts:
    """What the host's tools say now, in the report's shape."""
    family = FAMILY[host.spec.os]
    installed = [tuple(line.split()) for line in host.ask(INSTALLED[family]).splitlines()]
    kernels = host.ask("cd /boot && ls vmlinuz-* | sed 's/^vmlinuz-//'").split()
    return {
        "running": host.ask("uname -r").strip(),
        "kernels": sorted(kernels),
        "boot_id": host.ask("cat /proc/sys/kernel/random/boot_id").strip(),
        "booted": int(host.ask("awk '$1 == \"btime\" { print $2 }' /proc/stat")),
        "installed": installed,
        "pending": sorted(host.ask(f"{{ {PENDING[family]}; }} || true").splitlines()),
        "held": host.ask(HELD[family]).split(),
    }


def told(side: Facts, looked_at: float) -> Facts:
    """The same facts as the report tells them."""
    return {
        "running": side["kernel"]["running"],
        "kernels": sorted(side["kernel"]["installed"]),
        "boot_id": side["boot_id"],
        "booted": pytest.approx(looked_at - side["uptime_s"], abs=120),
        "installed": side["packages"]["installed"],
        "pending": sorted(f"{package['name']} {package['to']}" for package in side["available"]),
        "held": side["packages"]["held"],
    }


def same(side: Facts, own: Facts) -> None:
    expected = own | {"installed": len(own["installed"])}
    assert expected == told(side, time.time())
    assert side["packages"]["upgradable"] == len(own["pending"])


def differences(before: Facts, after: Facts) -> set[tuple[str, ...]]:
    """(name, arch, from, to) as the two lists of the host's own tool differ."""
    gone, come = (Counter(one["installed"]) - Counter(other["installed"]) for one, other in
                  ((before, after), (after, before)))  # fmt: skip
    old = {(name, arch): version for name, arch, version in gone}
    return {(name, arch, old.get((name, arch), ""), version) for name, arch, version in come}


def changed(outcome: Outcome) -> set[tuple[str, ...]]:
    return {tuple(one[key] for key in ("name", "arch", "from", "to")) for one in outcome.report["changes"]}


@pytest.mark.parametrize("os_name", OPERATING_SYSTEMS)
def test_every_fact_before_and_after_is_the_hosts_own(make_host: Make, os_name: str) -> None:
    host = make_host(os_name)
    precheck = host.command("precheck", "command-0")
    before = own_facts(host)
    same(precheck.report["before"], before)
    assert len(before["pending"]) >= 7
    began = time.time()
    patch = host.command("patch")
    after, report = own_facts(host), patch.report
    same(report["after"], after)
    told_before = precheck.report["before"]["packages"]
    withheld = {"total": 1, "security": 0, "names": before["held"]}
    assert (told_before.pop("withheld"), report["after"]["packages"]["withheld"]) == (withheld, withheld)
    assert report["before"]["packages"] == told_before  # what is withheld is asked once a command
    assert (after["pending"], after["held"]) == ([], ["labhold"])
    assert before["running"] in after["kernels"]
    assert after["running"] == report["after"]["kernel"]["newest_installed"] != before["running"]
    assert after["boot_id"] != before["boot_id"]
    assert changed(patch) == differences(before, after)
    assert host.ask(UNWELL[FAMILY[os_name]]) == ""
    assert (report["after"]["broken"], report["after"]["duplicates"]) == ([], [])
    assert_identity(host, report, began)
    judged = verdict(precheck, patch)
    assert (judged.verdict, judged.agreement) == (Verdict.PATCHED, Agreement.AGREES)


def assert_identity(host: RootHost, report: Facts, began: float) -> None:
    identity = host.ask('. /etc/os-release; echo "$ID"; echo "$VERSION_ID"; echo "$PRETTY_NAME"').splitlines()
    assert [report["os"][key] for key in ("id", "version", "name")] == identity
    assert (report["boot_count"], report["reboot"]["done"], report["reboot"]["needed"]) == (1, True, False)
    assert "kernel" in report["reboot"]["reasons"]
    assert began - 5 <= datetime.fromisoformat(report["host_time"]).timestamp() <= time.time() + 5
    assert host.inside("test -e /run/reboot-required").code == 1


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_without_a_restart_the_pending_one_is_told(make_host: Make, os_name: str) -> None:
    """Nothing more to install, but the old kernel runs: never simply `patched`."""
    host = make_host(os_name)
    patch = host.command("patch", RebootPolicy="never")
    own, report = own_facts(host), patch.report
    same(report["after"], own)
    assert (patch.codes, patch.status, own["pending"]) == ([0], "reboot_pending", [])
    assert own["running"] != report["after"]["kernel"]["newest_installed"] in own["kernels"]
    asked = host.inside("test -e /run/reboot-required").code == 0
    assert (asked, "reboot_required_file" in report["reboot"]["reasons"]) == (os_name == "debian12",) * 2
    judged = verdict(None, patch)
    assert judged.verdict == Verdict.PATCHED_REBOOT_PENDING
    assert own["running"] in judged.reason
