"""Old kernels taken out of a full /boot: what runs, what boots next and one spare always stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from tests.documents.shells import SHELLS
from tests.documents.test_checks import TOOLS, check
from tests.documents.test_fixes import old_kernels

Make = Callable[..., Any]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("os", ["debian12", "ubuntu2404", "amzn2023", "rhel9", "sles15"])
def test_old_kernels_go_but_running_newest_and_one_spare_stay(make_host: Make, os: str, shell: str) -> None:
    host = make_host(os, shell=shell, pending=3, kernel_update=True, faults=["old_kernels_fill_boot"])
    running = host.state("kernel_running").strip()
    report = host.run("precheck", Fixes="all").report
    oldest, older, spare = old_kernels(host)
    assert set(report["before"]["kernel"]["installed"]) == {running, spare}
    fix = check(report, "disk_space")["fix"]
    assert fix["ok"]
    assert f"Removed the old kernels {oldest} {older} by package." in fix["detail"]
    left = [
        row for row in host.state("packages").splitlines() if "\tkernel" in row or "\tlinux-image-" in row
    ]
    assert left
    assert not [row for row in left for gone in (oldest, older) if gone.partition("-")[0] in row]


@pytest.mark.parametrize("os", TOOLS)
def test_a_newer_kernel_that_does_not_run_yet_stays_as_well(make_host: Make, os: str) -> None:
    host = make_host(os, pending=1, kernel_update=True)
    host.command("patch", restarts=False, RebootPolicy="never")
    host.fault("old_kernels_fill_boot")
    running, newest = host.state("kernel_running").strip(), host.state("kernel_newest").strip()
    assert running != newest
    other = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e11"
    report = host.run("precheck", "command-2", DispatchId=other, Fixes="all").report
    assert set(report["before"]["kernel"]["installed"]) == {running, newest, old_kernels(host)[2]}


def test_the_kernel_that_boots_next_stays(make_host: Make) -> None:
    host = make_host("rhel9", pending=1, faults=["old_kernels_fill_boot"])
    oldest = old_kernels(host)[0]
    (host.root / "boot/loader/entries/the-old-one.conf").write_text(f"linux /boot/vmlinuz-{oldest}\n")
    (host.root / "boot/grub2/grubenv").write_text("saved_entry=the-old-one\n")
    report = host.run("precheck", Fixes="all").report
    assert oldest in report["before"]["kernel"]["installed"]
    assert old_kernels(host)[1] not in report["before"]["kernel"]["installed"]


def test_kernels_stay_when_other_packages_would_go_with_them(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["old_kernels_fill_boot"])
    host.tool(
        "apt-get",
        f"""case " $* " in *" -s remove "*) echo "Remv zfs-own [1]"; exit ;; esac
exec {template.BIN}/apt-get "$@\"""",
    )
    found = check(host.run("precheck", Fixes="all").report, "disk_space")
    assert (found["ok"], found["fix"]["ok"]) == (False, False)
    for kernel in old_kernels(host)[:2]:
        assert f"{kernel} stays: Error: these would go too: zfs-own" in found["fix"]["detail"]
    assert all((host.root / f"boot/vmlinuz-{kernel}").exists() for kernel in old_kernels(host))


@pytest.mark.parametrize("os", ["rhel9", "sles15"])
def test_kernels_stay_when_an_rpm_needs_them(make_host: Make, os: str) -> None:
    host = make_host(os, pending=1, faults=["old_kernels_fill_boot"])
    host.tool(
        "rpm",
        f'[ "$1" != -e ] || {{ echo "error: Failed dependencies" >&2; exit 1; }}\nexec {template.BIN}/rpm "$@"',
    )
    found = check(host.run("precheck", Fixes="all").report, "disk_space")
    assert (found["ok"], "Failed dependencies" in found["fix"]["detail"]) == (False, True)
    assert all((host.root / f"boot/vmlinuz-{kernel}").exists() for kernel in old_kernels(host))


def test_the_cache_is_emptied_first_and_kernels_stay_when_that_is_enough(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["disk_full"])
    host.run("precheck")
    for kernel in old_kernels(host):
        (host.root / f"boot/vmlinuz-{kernel}").touch()
    fix = check(host.run("precheck", Fixes="all").report, "disk_space")["fix"]
    assert (fix["ok"], fix["detail"]) == (True, "Emptied the package cache.")
    assert all((host.root / f"boot/vmlinuz-{kernel}").exists() for kernel in old_kernels(host))


def test_a_kernel_that_something_needs_does_not_keep_the_others(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["old_kernels_fill_boot"])
    oldest, older, _ = old_kernels(host)
    host.tool(
        "apt-get",
        f"""case " $* " in *" -s remove linux-image-{oldest} "*) echo "Remv labneeds [1]"; exit ;; esac
exec {template.BIN}/apt-get "$@\"""",
    )
    detail = check(host.run("precheck", Fixes="all").report, "disk_space")["fix"]["detail"]
    assert f"Removed the old kernels {older} by package. {oldest} stays: " in detail
    assert (host.root / f"boot/vmlinuz-{oldest}").exists()
    assert not (host.root / f"boot/vmlinuz-{older}").exists()


def test_kernels_of_another_flavour_stay(make_host: Make) -> None:
    host = make_host("debian12", pending=1, faults=["old_kernels_fill_boot"])
    with (host.root / "lab/packages").open("a") as packages:
        packages.write("ii\tlinux-image-2.1.0-1-rt-amd64\tamd64\t2.1-1\n")
    (host.root / "boot/vmlinuz-2.1.0-1-rt-amd64").touch()
    detail = check(host.run("precheck", Fixes="all").report, "disk_space")["fix"]["detail"]
    assert "Removed the old kernels" in detail
    assert "rt" not in detail
    assert (host.root / "boot/vmlinuz-2.1.0-1-rt-amd64").exists()


def test_a_long_name_on_a_line_of_its_own_is_read_whole(make_host: Make) -> None:
    host = make_host("rhel9", faults=["db_broken"])
    host.run("precheck")
    first = host.state("packages").split("\t")[1]
    plan = f"Removing:\\n {first}\\n            x86_64  1-1  @System  1 M\\n\\nTransaction Summary\\n"
    host.tool(
        "dnf",
        f"""case " $* " in *" --assumeno "*) printf '{plan}'; exit 1 ;; esac
exec {template.BIN}/dnf "$@\"""",
    )
    assert check(host.run("precheck", Fixes="all").report, "package_db")["fix"]["ok"]
