"""Pre-check and patch on healthy simulated hosts of every package tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.shells import SHELLS

Make = Callable[..., Any]
ALL = ["debian12", "ubuntu2404", "amzn2023", "rhel9", "sles15"]
TOOLS = ["debian12", "rhel9", "sles15"]
NEW_KERNEL = {
    "debian12": "6.1.0-41-cloud-amd64",
    "ubuntu2404": "6.8.0-1018-aws",
    "amzn2023": "6.1.112-122.189.amzn2023.x86_64",
    "rhel9": "5.14.0-427.13.1.el9_4.x86_64",  # `sort -V` calls this one older than 5.14.0-427.el9
    "sles15": "6.4.0-150600.23.22-default",
}


@pytest.mark.parametrize("os", ALL)
def test_precheck_tells_what_is_open_and_changes_nothing(make_host: Make, os: str) -> None:
    host = make_host(os, pending=7, security=2, kernel_update=True)
    before = host.state("packages"), host.state("pending")
    outcome = host.run("precheck", Fixes="early")
    report = outcome.report
    assert (outcome.codes, outcome.stderr, report["status"], report["error"]) == ([0], "", "ready", None)
    assert report["before"]["packages"]["upgradable"] == len(report["before"]["available"]) == 7
    assert report["before"]["kernel"]["newest_available"] == NEW_KERNEL[os]
    assert report["after"] is None
    assert (host.state("packages"), host.state("pending")) == before


@pytest.mark.parametrize("os", ALL)
def test_patch_installs_everything_and_restarts_into_the_new_kernel(make_host: Make, os: str) -> None:
    host = make_host(os, pending=7, security=2, kernel_update=True)
    outcome = host.command("patch")
    report, line = outcome.report, outcome.line
    assert (outcome.codes, outcome.stderr) == ([194, 0], "")
    assert (report["status"], report["error"], report["boot_count"]) == ("patched", None, 1)
    assert host.state("pending") == ""
    assert report["before"]["packages"]["upgradable"] == 7
    assert report["after"]["packages"]["upgradable"] == line.upgradable == 0
    assert report["after"]["kernel"]["running"] == line.kernel_running == NEW_KERNEL[os]
    assert report["before"]["boot_id"] != report["after"]["boot_id"] == line.boot_id
    assert report["reboot"]["done"]
    assert not report["reboot"]["needed"]
    assert "kernel" in report["reboot"]["reasons"]
    assert len(report["changes"]) == line.changed == 7


@pytest.mark.parametrize("os", ALL)
def test_a_kernel_is_an_install_beside_the_old_one(make_host: Make, os: str) -> None:
    report = make_host(os, pending=3, kernel_update=True).command("patch").report
    kinds = {change["name"]: (change["kind"], change["from"]) for change in report["changes"]}
    names = {"debian12": "linux-image-6.1.0-41-cloud-amd64", "ubuntu2404": "linux-image-6.8.0-1018-aws"}
    kernel = names.get(os) or {"amzn2023": "kernel", "rhel9": "kernel-core", "sles15": "kernel-default"}[os]
    assert kinds[kernel] == ("install", "")
    assert len(report["after"]["kernel"]["installed"]) == 2


@pytest.mark.parametrize("os", TOOLS)
def test_changes_hold_the_versions_before_and_after(make_host: Make, os: str) -> None:
    host = make_host(os, pending=4, security=1)
    wanted = {tuple(row.split("\t")[i] for i in (0, 2, 3, 4)) for row in host.state("pending").splitlines()}
    report = host.command("patch").report
    assert {(c["name"], c["from"], c["to"], str(int(c["security"]))) for c in report["changes"]} == wanted
    assert all(change["kind"] == "upgrade" for change in report["changes"])


@pytest.mark.parametrize("os", TOOLS)
def test_no_restart_without_a_reason(make_host: Make, os: str) -> None:
    outcome = make_host(os, pending=4).command("patch")
    assert (outcome.codes, outcome.status) == ([0], "patched")
    assert outcome.report["reboot"] == {"needed": False, "reasons": [], "done": False, "unknown": ""}


@pytest.mark.parametrize("os", TOOLS)
def test_nothing_to_do(make_host: Make, os: str) -> None:
    host = make_host(os)
    assert host.run("precheck").status == "nothing_to_do"
    outcome = host.command("patch")
    assert (outcome.codes, outcome.status, outcome.report["changes"]) == ([0], "nothing_to_do", [])


@pytest.mark.parametrize("os", TOOLS)
def test_reboot_policy_never_leaves_the_reboot_pending(make_host: Make, os: str) -> None:
    outcome = make_host(os, pending=3, kernel_update=True).command("patch", RebootPolicy="never")
    assert (outcome.codes, outcome.status) == ([0], "reboot_pending")
    assert outcome.report["reboot"]["needed"]
    assert outcome.line.reboot_needed


@pytest.mark.parametrize("os", TOOLS)
def test_security_mode_installs_security_updates_only(make_host: Make, os: str) -> None:
    report = make_host(os, pending=6, security=2).command("patch", Mode="security").report
    assert (report["status"], len(report["changes"])) == ("patched", 2)
    assert all(change["security"] for change in report["changes"])
    assert (report["after"]["packages"]["upgradable"], report["after"]["packages"]["security"]) == (4, 0)


@pytest.mark.parametrize("os", TOOLS)
def test_held_packages_are_told_and_left_alone(make_host: Make, os: str) -> None:
    first = make_host(os, name="twin", pending=3).state("pending").split("\t")[0]
    report = make_host(os, name="twin", pending=3, held=[first]).command("patch").report
    assert (report["status"], report["before"]["packages"]["held"]) == ("patched", [first])
    assert first not in {change["name"] for change in report["changes"]}


@pytest.mark.parametrize("shell", ["dash", "bash --posix", "bash", "busybox sh"])
@pytest.mark.parametrize("os", TOOLS)
def test_every_shell_gives_the_same_answer(make_host: Make, os: str, shell: str) -> None:
    host = make_host(os, shell=shell, pending=5, kernel_update=True)
    assert host.run("precheck").status == "ready"
    outcome = host.command("patch")
    assert (outcome.codes, outcome.stderr, outcome.status) == ([194, 0], "", "patched")


@pytest.mark.parametrize("os", TOOLS)
def test_three_hundred_packages_fit_with_true_counts(make_host: Make, os: str) -> None:
    host = make_host(os, pending=300, security=120, kernel_update=True)
    check, outcome = host.run("precheck"), host.command("patch")
    for one in (check, outcome):
        assert one.stdout.isascii()
        assert len(one.block("REPORT")) <= 20_000
        assert len(one.head) <= 2_000
    cut = check.report["truncated"]["before.available"]
    assert cut == check.report["before"]["packages"]["upgradable"] == 300
    report = outcome.report
    assert report["truncated"]["changes"] == outcome.line.changed == 300
    assert len(report["changes"]) > 100


@pytest.mark.parametrize("shell", SHELLS)
def test_three_hundred_hostile_names_fit_too(make_host: Make, shell: str) -> None:
    """Names as long as rpm allows, with marks that JSON and shells would stumble over."""
    host = make_host("rhel9", shell=shell)
    name = "libreallylong-" + "x" * 180 + "'\"\\\\$(id)`<\x1b\xe9"
    rows = "".join(f"{name}{n}.x86_64 9:1.0-{'7' * 60} repo\n" for n in range(300))
    (host.root / "rows").write_text(rows)
    answer = f'case " $* " in *check-update*) cat {host.root}/rows; exit 100 ;; esac'
    host.tool("dnf", f'{answer}\nexec {template.BIN}/dnf "$@"')
    outcome = host.run("precheck")
    assert outcome.stdout.isascii()
    assert len(outcome.block("REPORT")) <= 20_000
    assert len(outcome.head) <= 2_000
    report = outcome.report
    assert report["before"]["packages"]["upgradable"] == report["truncated"]["before.available"] == 300
    assert 20 < len(report["before"]["available"]) < 300


def test_everything_at_its_longest_still_fits(make_host: Make) -> None:
    """The result line and the block keep their limits when each list and each sentence is too long."""
    host = make_host("debian12", pending=300, security=300, kernel_update=True, held=["h" * 250] * 40)
    long_kernels = [f"9.{number}.0-{'1' * 150}-cloud-amd64" for number in range(30)]
    for name in long_kernels:
        (host.root / f"boot/vmlinuz-{name}").touch()
    host.fault("update_fails")
    for services in ("a", "b"):
        host.tool("needrestart", f"for i in $(seq 200); do echo NEEDRESTART-SVC: {services * 200}$i; done")
    outcome = host.run("patch", RebootPolicy="never")
    assert len(outcome.block("REPORT")) <= 20_000
    assert len(outcome.head) <= 2_000
    report = outcome.report
    assert report["truncated"]["services"] == 200
    assert report["truncated"]["after.kernel.installed"] >= 31
    assert outcome.line.kernel_running


def test_only_one_short_line_is_printed_before_a_restart(make_host: Make) -> None:
    first = make_host("debian12", pending=3, kernel_update=True).run("patch")
    assert first.codes == [194]
    assert first.stdout == "Patch Portal: restarting (1 of at most 2).\n"


def test_an_unknown_system_is_blocked_with_a_sentence(make_host: Make) -> None:
    host = make_host("debian12", pending=3)
    (host.root / "etc/os-release").write_text('ID=plan9\nPRETTY_NAME="Plan 9"\n')
    for phase in ("precheck", "patch"):
        outcome = host.run(phase)
        assert (outcome.status, outcome.report["error"]["code"]) == ("blocked", "unsupported_os")
        assert "Plan 9" in outcome.report["error"]["detail"]
        assert outcome.report["before"] is None
