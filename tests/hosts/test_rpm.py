"""dnf and zypper: from pending to the held rest, each fact of the report as the host's own tools tell it afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patching.states import Agreement, Verdict
from tests.hosts.conftest import Outcome, RootHost, verdict

pytestmark = pytest.mark.timeout(600)
INSTALLED = "rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\\n' | sort"
DNF_OPEN = "dnf -q check-update | awk 'NF == 3' | wc -l"
DNF_SECURITY = "dnf -q check-update --security | awk 'NF == 3' | wc -l"
ZYPPER_OPEN = "zypper -n lu | grep -c '^v' || true"
ZYPPER_SECURITY = "zypper -n list-patches --category security | grep -c '| needed ' || true"


@pytest.mark.parametrize(
    ("os_name", "still_open", "secure", "old", "new"),
    [
        ("rhel9", DNF_OPEN, DNF_SECURITY, "5.14.0-427.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64"),
        (
            *("amzn2023", DNF_OPEN, DNF_SECURITY),
            *("6.1.109-118.189.amzn2023.x86_64", "6.1.112-122.189.amzn2023.x86_64"),
        ),
        ("sles15", ZYPPER_OPEN, ZYPPER_SECURITY, "6.4.0-150600.23.17-default", "6.4.0-150600.23.22-default"),
    ],
)
def test_all_updates_and_the_new_kernel(
    make_host: Callable[..., RootHost], os_name: str, still_open: str, secure: str, old: str, new: str
) -> None:
    host = make_host(os_name)
    precheck = host.command("precheck", "command-0")
    before = precheck.report["before"]
    assert precheck.status == "ready"
    assert before["packages"]["upgradable"] == int(host.ask(still_open)) == 7
    assert before["packages"]["security"] == int(host.ask(secure)) == 3
    assert before["kernel"]["running"] == host.ask("uname -r").strip() == old
    assert before["kernel"]["newest_available"] == new

    patch = host.command("patch")
    assert patch.codes == [194, 0]
    after = patch.report["after"]
    assert patch.status == "patched"
    assert (
        after["kernel"]["running"]
        == after["kernel"]["newest_installed"]
        == host.ask("uname -r").strip()
        == new
    )
    assert sorted(after["kernel"]["installed"]) == sorted([old, new])  # the old one stays beside it
    assert after["packages"]["upgradable"] == int(host.ask(still_open)) == 0
    assert after["packages"]["installed"] == int(host.ask("rpm -qa | grep -vc gpg-pubkey")) == 11
    assert after["packages"]["held"] == ["labhold"]
    assert changed_as_rpm_says(host, patch)
    judged = verdict(precheck, patch)
    assert (judged.verdict, judged.agreement) == (Verdict.PATCHED, Agreement.AGREES)


def changed_as_rpm_says(host: RootHost, patch: Outcome) -> bool:
    installed = host.ask(INSTALLED).splitlines()
    told = patch.report["changes"]
    assert len(told) == 7
    assert "labhold 1.0-1" in installed
    assert {change["name"] for change in told if change["kind"] == "install"} == {
        line.split()[0] for line in installed if line.startswith("kernel")
    }
    return all(f"{change['name']} {change['to']}" in installed for change in told)


@pytest.mark.parametrize(("os_name", "kernel"), [("rhel9", "kernel-core"), ("sles15", "kernel-default")])
def test_security_only_brings_the_kernel_too(
    make_host: Callable[..., RootHost], os_name: str, kernel: str
) -> None:
    """zypper passes over patches that want a reboot, unless it is told otherwise."""
    host = make_host(os_name)
    patch = host.command("patch", Mode="security")
    assert {change["name"] for change in patch.report["changes"]} == {"lablib", "labpre", kernel}
    after = patch.report["after"]
    assert (after["packages"]["upgradable"], after["packages"]["security"]) == (4, 0)
    assert after["kernel"]["running"] == host.ask("uname -r").strip() == after["kernel"]["newest_installed"]
    assert verdict(None, patch, mode="security").verdict == Verdict.PATCHED


@pytest.mark.parametrize("os_name", ["amzn2023", "sles15"])
def test_an_admins_configuration_file_stays(make_host: Callable[..., RootHost], os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    before = host.ask("cat /etc/labconf.conf")
    assert "colour = green" in before
    assert host.command("patch").status == "patched"
    assert host.ask("cat /etc/labconf.conf") == before
    assert "shape = round" in host.ask("cat /etc/labconf.conf.rpmnew")
