"""Restarts: which kernel the next start boots, which reasons count, and what a restart that helped nothing leads to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents.host_report import Report
from patching.states import Agreement, Verdict
from patching.verdicts import Evidence, judge
from tests.documents.shells import SHELLS

Make = Callable[..., Any]
MACHINE = "5f3e9c1a7b2d4e6f8a0b1c2d3e4f5a6b"
# what runs, its update, and a newer one that somebody put beside them
KERNELS = {
    "debian12": ("6.1.0-40-cloud-amd64", "6.1.0-41-cloud-amd64", "6.12.43-cloud-amd64"),
    "amzn2023": ("6.1.109-118.189.amzn2023.x86_64", "6.1.112-122.189.amzn2023.x86_64", "6.12.20-23.97.amzn2023.x86_64"),
    "sles15": ("6.4.0-150600.23.17-default", "6.4.0-150600.23.22-default", "6.4.0-150700.53.3-default"),
}  # fmt: skip


def put_beside(
    host: Any, os: str, settings: str = "", environment: str = "", package: str = "kernel6.12"
) -> str:
    """Install the newest kernel, as its package does: its menu is made anew by the host's own settings."""
    kernel = KERNELS[os][2]
    (host.root / f"boot/vmlinuz-{kernel}").touch()
    (host.root / "etc/default").mkdir(exist_ok=True)
    (host.root / "etc/default/grub").write_text(settings)
    make_menu(host, kernel, package)
    if environment:
        grubenv(host).write_text(f"# GRUB Environment Block\n{environment}\n{'#' * 900}")
    return kernel


def make_menu(host: Any, *kernel_and_package: str) -> None:
    family = host.state("family").strip()
    subprocess.run([template.BOOT_MENU, host.root, family, *kernel_and_package], check=True)


def grubenv(host: Any) -> Any:
    return next(host.root.glob("boot/grub*/grubenv"))


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


CORE = "Core libraries or services have been updated since boot-up:"
REBOOT = "Reboot is required to fully utilize these updates."


def restarting(host: Any, *names: str) -> None:
    lines = "".join(f"  * {name}\\n" for name in names)
    host.tool(
        "dnf",
        f"""case " $* " in *" needs-restarting "*) printf '{CORE}\\n{lines}\\n{REBOOT}\\n'; exit 1 ;; esac
exec {template.BIN}/dnf "$@\"""",
    )


@pytest.mark.parametrize(
    ("names", "reasons"),
    [
        (["glibc"], ["needs_restarting"]),
        (["kernel", "kernel-core"], []),
        (["kernel", "linux-firmware"], ["needs_restarting"]),
        ([], ["needs_restarting"]),
    ],
)
def test_needs_restarting_is_believed_but_for_kernels_that_are_not_booted(
    make_host: Make, names: list[str], reasons: list[str]
) -> None:
    host = make_host("amzn2023")
    restarting(host, *names)
    assert host.run("precheck").report["reboot"]["reasons"] == reasons
    shutil.rmtree(host.root / "boot/grub2")
    assert host.run("precheck").report["reboot"]["reasons"] == ["needs_restarting"], "nobody knows what boots"


@pytest.mark.parametrize(
    ("packages", "reasons"),
    [
        ("linux-image-6.12.43-cloud-amd64\nlinux-base\n", []),
        ("linux-image-6.12.43-cloud-amd64\nlibc6\n", ["reboot_required_file"]),
        # the same kernel was built anew and put into its place
        ("linux-image-6.1.0-40-cloud-amd64\n", ["reboot_required_file"]),
        ("", ["reboot_required_file"]),
        (None, ["reboot_required_file"]),
    ],
)
def test_the_file_is_believed_but_for_kernels_that_are_not_booted(
    make_host: Make, packages: str | None, reasons: list[str]
) -> None:
    host = make_host("debian12")
    put_beside(host, "debian12", "GRUB_DEFAULT='1>2'")
    (host.root / "run/reboot-required").touch()
    if packages is not None:
        (host.root / "run/reboot-required.pkgs").write_text(packages)
    assert host.run("precheck").report["reboot"]["reasons"] == reasons


@pytest.mark.parametrize(
    ("os", "tool", "answer"),
    [
        ("amzn2023", "dnf", 'echo "No such command: needs-restarting." >&2; exit 1'),
        ("rhel9", "dnf", 'echo "Traceback (most recent call last):"; exit 1'),
        ("sles15", "zypper", 'echo "Unknown command"; exit 2'),
        ("debian12", "", ""),
    ],
)
def test_a_missing_tool_is_not_known_and_not_no(make_host: Make, os: str, tool: str, answer: str) -> None:
    host = make_host(os, pending=1)
    if tool:
        host.tool(tool, f'case "$*" in *needs-re*) {answer} ;; esac\nexec {template.BIN}/{tool} "$@"')
    else:
        shutil.rmtree(host.root / "etc/kernel")
    check = host.run("precheck").report
    (pending,) = [one for one in check["checks"] if one["name"] == "pending_reboot"]
    assert (pending["ok"], pending["detail"]) == (True, f"Not measured: {check['reboot']['unknown']}.")
    outcome = host.command("patch")
    assert (outcome.codes, outcome.status, outcome.report["error"]) == ([0], "patched", None)
    judged = judge(Evidence(patch=Report.of(outcome.report), line=outcome.line, ssm_status="Success"))
    assert judged.verdict == Verdict.PATCHED
    assert "Whether anything but the kernel needs a restart is not known: " in judged.reason


def test_a_reason_that_a_restart_did_not_cure_earns_no_second(make_host: Make) -> None:
    host = make_host("rhel9", pending=2)
    restarting(host, "glibc")
    outcome = host.command("patch")
    assert (outcome.codes, outcome.status) == ([194, 0], "reboot_pending")
    assert outcome.report["error"]["code"] == "restart_did_not_cure"
    assert "needs_restarting" in outcome.report["error"]["detail"]
    judged = judge(Evidence(patch=Report.of(outcome.report), line=outcome.line, ssm_status="Success"))
    assert judged.verdict == Verdict.PATCHED_REBOOT_PENDING


def test_another_reason_after_a_restart_earns_one_more(make_host: Make) -> None:
    host = make_host("debian12", pending=2, kernel_update=True)
    assert host.run("patch", DeadlineSeconds="900").codes == [194]
    template.reboot(host.root)
    newest = put_beside(host, "debian12")  # somebody else's update, meanwhile
    again = host.run("patch", DeadlineSeconds="900")
    assert again.codes == [194]
    template.reboot(host.root)
    last = host.run("patch", DeadlineSeconds="900")
    assert (last.status, last.report["after"]["kernel"]["running"]) == ("patched", newest)


def test_a_restart_that_cannot_be_proven_is_none(make_host: Make) -> None:
    """An unreadable boot id is no other boot."""
    host = make_host("debian12", pending=2, kernel_update=True)
    assert host.run("patch").codes == [194]
    (host.root / "lab/boot_id").unlink()
    outcome = host.command("patch", restarts=False)
    assert (outcome.status, outcome.report["error"]["code"]) == ("reboot_pending", "reboot_did_not_happen")
