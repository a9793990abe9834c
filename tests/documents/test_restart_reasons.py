"""What else asks for a restart, and what a restart that helped nothing earns."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents.host_report import Report
from patching.states import Verdict
from patching.verdicts import Evidence, judge
from tests.documents.boot_menus import put_beside

Make = Callable[..., Any]
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
