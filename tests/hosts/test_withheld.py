"""What a host keeps from itself, on real package managers: the verdict must not believe that no update is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patching.states import Verdict
from tests.hosts.conftest import RootHost, verdict

pytestmark = pytest.mark.timeout(600)
V = Verdict
# What a host's owner may write, and the updates that it then keeps back beside the lab's held one (all, for security).
KEPT = {
    "exclude": ("rhel9", "echo 'exclude=lablib labapp' >>/etc/dnf/dnf.conf", ["labapp", "lablib"]),
    "excludepkgs of one repository": (
        *("amzn2023", "sed -i '/^.lab-security/a excludepkgs=lab*' /etc/yum.repos.d/lab.repo"),
        ["lablib", "labpre"],
    ),
    "a pin below 0": (
        *(
            "debian12",
            "printf 'Package: lablib\\nPin: release *\\nPin-Priority: -1\\n' >/etc/apt/preferences.d/keep",
        ),
        ["lablib"],
    ),
    "a pinned version": (
        *(
            "ubuntu2404",
            "printf '# ours\\nPackage: lablib\\nPin: version 1.0*\\nPin-Priority: 1001' >/etc/apt/preferences",
        ),
        ["lablib"],
    ),
    "a hold": ("debian12", "apt-mark hold labpre", ["labpre"]),
    "a lock": ("sles15", "zypper -n addlock 'labl*'", ["lablib"]),
    "a version lock": ("rhel9", "dnf -q versionlock add lablib", ["lablib"]),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_security_update_that_the_host_keeps_back_is_named(
    make_host: Callable[..., RootHost], case: str
) -> None:
    os_name, command, names = KEPT[case]
    host = make_host(os_name, kernel_update=False)
    host.ask(command)
    check, patch = host.command("precheck", "command-0"), host.command("patch")
    kept = check.report["before"]["packages"]["withheld"]
    secure = len({"lablib", "labpre"} & set(names))
    assert (check.status, kept["total"], kept["security"]) == ("ready", len(names) + 1, secure)
    assert sorted(kept["names"]) == sorted([*names, "labhold"])
    assert not check.check("withheld")["ok"]
    assert patch.report["after"]["packages"]["withheld"] == kept
    assert (patch.status, patch.error) == ("partial", "withheld_by_host")
    judged = verdict(check, patch)
    assert judged.verdict is V.PARTLY
    assert all(name in judged.reason for name in names)


@pytest.mark.parametrize("os_name", ["debian12", "rhel9", "sles15"])
def test_what_the_window_leaves_out_as_well_is_not_the_hosts_doing(
    make_host: Callable[..., RootHost], os_name: str
) -> None:
    host = make_host(os_name, kernel_update=False)
    lock = {"debian12": "apt-mark hold", "rhel9": "dnf -q versionlock add", "sles15": "zypper -n addlock"}
    host.ask(f"{lock[os_name]} labpre")
    patch = host.command("patch", Exclude="labp*")
    assert patch.report["after"]["packages"]["withheld"] == {"total": 1, "security": 0, "names": ["labhold"]}
    judged = verdict(None, patch)
    assert (patch.status, judged.verdict) == ("patched", V.PATCHED)
    assert judged.reason.endswith("packages changed, all on offer is in, 1 update withheld by the host.")


# repositories gone: of the system itself, or those that tell security
WITHOUT_BASE = {
    "debian12": "sed -i /lab-old/d /etc/apt/sources.list",
    "rhel9": "sed -i '/^.lab-old/,/^$/s/enabled=1/enabled=0/' /etc/yum.repos.d/lab.repo",
    "sles15": "zypper -n mr -d lab-old",
}
WITHOUT_ADVISORIES = {
    "debian12": "sed -i /security/d /etc/apt/sources.list",
    "rhel9": "sed -i '/^.lab-security/,/^$/s/enabled=1/enabled=0/' /etc/yum.repos.d/lab.repo",
    "sles15": "zypper -n mr -d lab-security",
}


@pytest.mark.parametrize("os_name", WITHOUT_BASE)
def test_only_a_vendors_repository_answers(make_host: Callable[..., RootHost], os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    host.ask(f"rm -rf /etc/patch-portal/approved-repos; {WITHOUT_BASE[os_name]}")
    check = host.command("precheck", "command-0")
    assert (check.status, check.error) == ("blocked", "base_repository_missing")
    assert check.report["before"]["packages"]["upgradable"] is None


@pytest.mark.parametrize("os_name", WITHOUT_ADVISORIES)
def test_no_repository_tells_security(make_host: Callable[..., RootHost], os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    host.ask(WITHOUT_ADVISORIES[os_name])
    check = host.command("precheck", "command-0", Mode="security")
    packages = check.report["before"]["packages"]
    assert (check.status, check.error) == ("blocked", "security_unknown")
    assert (packages["upgradable"], packages["security"]) == (4, None)
    assert host.command("precheck", "command-1").status == "ready"


def test_a_host_that_is_pinned_to_a_release_is_patched_within_it(make_host: Callable[..., RootHost]) -> None:
    """As with RHUI: the repositories' addresses hold the release, and those of 9.4 never tell of 9.6."""
    host = make_host("rhel9", kernel_update=False)
    host.ask(
        "mkdir -p /srv/9.4 /srv/9.6 && ln -s /srv/repo/old /srv/repo/updates /srv/9.4/ && ln -s /srv/repo/* /srv/9.6/"
        " && ln -s /srv/repo/old /srv/9.4/security && dnf -q versionlock clear && echo 9.4 >/etc/dnf/vars/releasever"
        " && sed -i 's,/srv/repo/\\(updates\\|security\\)$,/srv/$releasever/\\1,' /etc/yum.repos.d/lab.repo"
    )
    check, patch = host.command("precheck", "command-0"), host.command("patch")
    assert check.report["os"]["release"] == {"in_use": "9.4", "newest": "", "pinned": True}
    assert {change["name"] for change in patch.report["changes"]} == {
        "labapp",
        "labbroken",
        "labconf",
        "labhold",
        "labslow",
    }
    assert "lablib" in host.inside("dnf -q check-update --releasever=9.6").stdout.decode()
    judged = verdict(check, patch)
    assert (patch.status, judged.verdict) == ("patched", V.PATCHED)
    assert judged.reason.endswith("It is pinned to release 9.4; whether a later one is out is not known.")
