"""Restarts: which kernel the next start boots, which reasons count, and what a restart that helped nothing leads to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents.host_report import Report
from patching.states import Agreement, Verdict
from patching.verdicts import Evidence, judge
from tests.documents.boot_menus import KERNELS, MACHINE, grubenv, put_beside
from tests.documents.shells import SHELLS

Make = Callable[..., Any]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("os", "settings", "environment", "which"),
    [
        ("debian12", "", "", 2),
        ("debian12", "GRUB_DEFAULT=0", "", 2),
        ("debian12", "GRUB_DEFAULT='1>2'", "", 0),
        ("debian12", "GRUB_DEFAULT='Advanced options for Linux>Linux, with Linux 6.1.0-40-cloud-amd64'", "", 0),
        ("debian12", "GRUB_DEFAULT='gnulinux-advanced-1234>gnulinux-6.1.0-40-cloud-amd64-advanced-1234'", "", 0),
        # a title of an inner menu alone is none of the outer one: GRUB takes the first entry
        ("debian12", "GRUB_DEFAULT='Linux, with Linux 6.1.0-40-cloud-amd64'", "", 2),
        ("debian12", "GRUB_DEFAULT='Advanced options for Linux'", "", 2),
        ("debian12", "GRUB_DEFAULT='gone-with-the-last-kernel'", "", 2),
        ("debian12", "GRUB_DEFAULT=saved", "saved_entry=1>2", 0),
        ("debian12", "GRUB_DEFAULT=saved", "saved_entry=1>7", 2),
        ("debian12", "GRUB_DEFAULT=saved", "", 2),
        ("debian12", "", "saved_entry=1>2", 2),
        ("debian12", "", "next_entry=1>2", 0),
        ("amzn2023", "", "", 0),
        ("amzn2023", "", f"saved_entry={MACHINE}-{KERNELS['amzn2023'][2]}", 2),
        ("amzn2023", "", f"saved_entry=Linux ({KERNELS['amzn2023'][0]})", 0),
        ("amzn2023", "GRUB_DEFAULT=0", "", 2),
        ("amzn2023", "", "saved_entry=0", 2),
        ("amzn2023", "", "saved_entry=gone", 2),
        ("amzn2023", "", f"next_entry={MACHINE}-{KERNELS['amzn2023'][2]}", 2),
        ("sles15", "", "", 2),
        ("sles15", "", "saved_entry=Linux", 2),
        ("sles15", "", "saved_entry=Advanced options for Linux>Linux, with Linux 6.4.0-150600.23.17-default", 0),
    ],
)  # fmt: skip
def test_the_report_names_the_kernel_that_the_next_start_boots(
    make_host: Make, shell: str, os: str, settings: str, environment: str, which: int
) -> None:
    host = make_host(os, shell=shell)
    newest = put_beside(host, os, settings, environment)
    outcome = host.run("precheck")
    kernel = outcome.report["before"]["kernel"]
    assert (outcome.stderr, kernel["newest_installed"]) == ("", newest)
    assert kernel["boot_default"] == outcome.line.kernel_boot_default == KERNELS[os][which]
    template.reboot(host.root)
    assert host.state("kernel_running").strip() == KERNELS[os][which], (
        "and so it is: by the lab's own reading"
    )


@pytest.mark.parametrize("mode", ["all", "security"])
@pytest.mark.parametrize("os", list(KERNELS))
def test_another_kernel_is_the_boot_default(make_host: Make, os: str, mode: str) -> None:
    """No restart for it, neither before nor after the work; the update of the one that boots is another matter."""
    stays = {"debian12": "GRUB_DEFAULT='1>2'", "amzn2023": "", "sles15": "GRUB_DEFAULT='1>2'"}[os]
    host = make_host(os, pending=2, security=2)
    newest = put_beside(host, os, stays)
    check, outcome = host.run("precheck"), host.command("patch", Mode=mode)
    report = outcome.report
    assert (check.status, check.report["reboot"]["needed"]) == ("ready", False)
    assert (outcome.codes, report["status"], report["error"]) == ([0], "patched", None)
    kernel = report["after"]["kernel"]
    assert (kernel["running"], kernel["boot_default"]) == (KERNELS[os][0],) * 2
    assert kernel["newest_installed"] == newest
    judged = judge(Evidence(patch=Report.of(report), line=outcome.line, ssm_status="Success", mode=mode))
    assert (judged.verdict, judged.agreement) == (Verdict.PATCHED, Agreement.AGREES)
    assert (
        f"It boots kernel {KERNELS[os][0]} by its own choice, although {newest} is installed."
        in judged.reason
    )
    by_line = judge(Evidence(line=outcome.line, ssm_status="Success", mode=mode))
    assert by_line.verdict == Verdict.PATCHED, "the same where the report is lost"


@pytest.mark.parametrize("os", ["amzn2023"])
def test_the_update_of_the_kernel_that_boots_is_restarted_into(make_host: Make, os: str) -> None:
    host = make_host(os, pending=2, kernel_update=True)
    put_beside(host, os)
    outcome = host.command("patch")
    kernel = outcome.report["after"]["kernel"]
    assert (outcome.codes, outcome.status) == ([194, 0], "patched")
    assert kernel["running"] == kernel["boot_default"] == KERNELS[os][1] != kernel["newest_installed"]


def test_a_chosen_newer_line_of_kernels_is_restarted_into(make_host: Make) -> None:
    """As AL2023's manual has it: the new line is put in, made the default, and starts at the next restart."""
    os = "amzn2023"
    host = make_host(os)
    newest = put_beside(host, os, environment=f"saved_entry={MACHINE}-{KERNELS[os][2]}")
    assert host.run("precheck").report["reboot"]["reasons"] == ["kernel"]
    outcome = host.command("patch")
    assert (outcome.codes, outcome.status, host.state("kernel_running").strip()) == (
        [194, 0],
        "patched",
        newest,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_an_older_default_than_what_runs_is_no_reason(make_host: Make, shell: str) -> None:
    os = "debian12"
    host = make_host(os, shell=shell)
    newest = put_beside(host, os, "GRUB_DEFAULT='1>2'")
    (host.root / "lab/kernel_running").write_text(f"{newest}\n")
    report = host.run("precheck").report
    assert (report["status"], report["reboot"]["reasons"]) == ("nothing_to_do", [])
    assert report["before"]["kernel"]["boot_default"] == KERNELS[os][0]


@pytest.mark.parametrize("os", list(KERNELS))
def test_where_the_boot_loader_is_not_known_one_restart_is_tried_and_told(make_host: Make, os: str) -> None:
    host = make_host(os)
    newest = put_beside(host, os)
    for folder in host.root.glob("boot/grub*"):
        shutil.rmtree(folder)
    outcome = host.command("patch")
    report = outcome.report
    assert (outcome.codes, report["status"], report["error"]["code"]) == (
        [194, 0],
        "reboot_pending",
        "kernel_not_running",
    )
    assert (report["after"]["kernel"]["boot_default"], report["after"]["kernel"]["newest_installed"]) == (
        "",
        newest,
    )
    assert KERNELS[os][0] in report["error"]["detail"]


def test_two_machines_share_boot_so_only_a_saved_entry_tells(make_host: Make) -> None:
    """GRUB sorts entry files by their whole names: an image's own machine id may come first."""
    os = "amzn2023"
    host = make_host(os)
    put_beside(host, os, "GRUB_DEFAULT=0")
    entries = host.root / "boot/loader/entries"
    (entries / f"{'9' * 32}-0-rescue.conf").write_text("title Rescue\nlinux /boot/vmlinuz-0-rescue\n")
    assert host.run("precheck").report["before"]["kernel"]["boot_default"] == ""
    host.tool("grubby", 'echo "/boot/vmlinuz-6.12.20-23.97.amzn2023.x86_64"')
    assert host.run("precheck").report["before"]["kernel"]["boot_default"] == KERNELS[os][2]
    host.tool("grubby", "sleep 100")
    host.patience = 1
    asked = host.run("precheck").report
    assert (asked["before"]["kernel"]["boot_default"], asked["before"]["unanswered"]) == ("", ["kernels"])


@pytest.mark.parametrize(
    "place", ["boot/{machine}/{kernel}/linux", "usr/lib/modules/{kernel}/vmlinuz", "boot/Image-{kernel}"]
)
@pytest.mark.parametrize("shell", SHELLS)
def test_kernels_lie_in_other_places_too(make_host: Make, place: str, shell: str) -> None:
    host = make_host("amzn2023", shell=shell)
    running = KERNELS["amzn2023"][0]
    (host.root / f"boot/vmlinuz-{running}").unlink()
    for kernel in KERNELS["amzn2023"][:2]:
        path = host.root / place.format(machine=MACHINE, kernel=kernel)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    entry = f"title One\nlinux /{MACHINE}/{KERNELS['amzn2023'][1]}/linux\n"
    (host.root / f"boot/loader/entries/{MACHINE}-{KERNELS['amzn2023'][1]}.conf").write_text(entry)
    grubenv(host).write_text(f"saved_entry={MACHINE}-{KERNELS['amzn2023'][1]}\n")
    kernel = host.run("precheck").report["before"]["kernel"]
    assert sorted(kernel["installed"]) == sorted(KERNELS["amzn2023"][:2])
    assert kernel["newest_installed"] == kernel["boot_default"] == KERNELS["amzn2023"][1]


def test_a_host_without_a_kernel_file_says_that_it_does_not_know(make_host: Make) -> None:
    host = make_host("debian12")
    shutil.rmtree(host.root / "boot")
    report = host.run("precheck").report
    assert (report["before"]["kernel"]["newest_installed"], report["before"]["kernel"]["boot_default"]) == (
        "",
        "",
    )
    assert report["status"] == "nothing_to_do"
