"""Restarts and the clock on real package managers: what boots, what asks for a restart, a tool that is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patching.states import Verdict
from tests.hosts.conftest import RootHost, verdict

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
NEWER = {
    "debian12": "6.12.43-cloud-amd64",
    "amzn2023": "6.12.20-23.97.amzn2023.x86_64",
    "sles15": "6.4.0-150700.53.3-default",
}
PINNED = "mkdir -p /etc/default && echo \"GRUB_DEFAULT='1>{}'\" >/etc/default/grub"


def put_beside(host: RootHost, os_name: str, place: int) -> None:
    """A newer line of kernels that is not the default: AL2023's own way, and a pinned menu elsewhere."""
    if os_name != "amzn2023":
        host.ask(PINNED.format(place))
    host.ask(f"touch /boot/vmlinuz-{NEWER[os_name]} && new-kernel {NEWER[os_name]} kernel6.12")


@pytest.mark.parametrize("os_name", list(NEWER))
def test_another_kernel_is_the_boot_default(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    put_beside(host, os_name, 2)
    running = host.ask("uname -r").strip()
    check = host.command("precheck", "command-0")
    assert (check.status, check.report["reboot"]["needed"]) == ("ready", False)
    patch = host.command("patch")
    kernel = patch.report["after"]["kernel"]
    assert (patch.codes, patch.status) == ([0], "patched")
    assert (kernel["boot_default"], kernel["newest_installed"]) == (running, NEWER[os_name])
    assert verdict(check, patch).verdict == Verdict.PATCHED
    host.machine.reboot()
    assert host.ask("uname -r").strip() == running, "and it is what the boot menu starts"


@pytest.mark.parametrize("os_name", ["debian12", "amzn2023"])
def test_a_kernel_that_is_not_booted_asks_for_no_restart(make_host: Make, os_name: str) -> None:
    """apt's hook writes the file and dnf counts the kernel as a core package: both mean a kernel that nobody starts."""
    host = make_host(os_name)
    if os_name == "amzn2023":
        host.ask("mkdir -p /etc/sysconfig && echo UPDATEDEFAULT=no >/etc/sysconfig/kernel")
        host.ask(
            "cd /boot/loader/entries && new-kernel && echo saved_entry=$(ls | sed s/.conf//) >>/boot/grub2/grubenv"
        )
    else:
        host.ask(PINNED.format(2))
    patch = host.command("patch")
    kernel = patch.report["after"]["kernel"]
    assert (patch.codes, patch.status, patch.report["reboot"]["reasons"]) == ([0], "patched", [])
    assert kernel["boot_default"] == kernel["running"] != kernel["newest_installed"]
    assert verdict(None, patch).verdict == Verdict.PATCHED


def test_without_the_plugin_dnf_cannot_tell(make_host: Make) -> None:
    host = make_host("rhel9", kernel_update=False)
    assert "should not be necessary" in host.ask("dnf -q needs-restarting -r")
    assert host.command("precheck", "command-0").report["reboot"]["unknown"] == ""
    host.ask("rm -r /usr/lib/python3/dist-packages/dnf-plugins/needs_restarting.py")
    assert host.inside("command -v needs-restarting").code != 0, "no wrapper of ours stands in for it"
    patch = host.command("patch")
    assert patch.status == "patched"
    assert "needs-restarting" in patch.report["reboot"]["unknown"]
    assert "Whether anything but the kernel needs a restart is not known" in verdict(None, patch).reason


@pytest.mark.parametrize(
    ("os_name", "seconds"), [("debian12", -10_800), ("rhel9", 7_200), ("sles15", -10_800)]
)
def test_a_clock_that_is_set_during_the_work_changes_nothing(
    make_host: Make, os_name: str, seconds: int
) -> None:
    host = make_host(os_name)
    folder = "/etc/patch-portal/hooks"
    host.ask(
        f"mkdir -p {folder} && printf '#!/bin/sh\\necho {seconds} >/etc/lab/clock-off-seconds\\n' >{folder}/step"
        f" && chmod 755 {folder}/step"
    )
    patch = host.command("patch", PreScript="step", DeadlineSeconds="600")
    assert (patch.codes, patch.status, patch.error) == ([194, 0], "patched", "")
    assert abs(patch.report["clock"]["stepped_s"] - seconds) <= 5
    assert 120 <= patch.report["took_s"] < 400
    assert verdict(None, patch).verdict == Verdict.PATCHED
