"""Package tools' odd answers: read as what they say, never as what they usually mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.shims import template

Make = Callable[..., Any]


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in report["checks"] if entry["name"] == name)


@pytest.mark.parametrize("phase", ["precheck", "patch"])
def test_a_host_with_its_os_release_below_usr_alone_is_known(make_host: Make, phase: str) -> None:
    host = make_host("sles15")
    (host.root / "usr/lib").mkdir(parents=True, exist_ok=True)
    (host.root / "etc/os-release").rename(host.root / "usr/lib/os-release")
    assert host.run(phase).status == "nothing_to_do"


def test_a_repository_that_became_another_release_is_not_called_silent(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.tool(
        "apt-get",
        f"""case " $* " in *" update "*)
    echo "Get:1 http://deb.example.internal/debian bookworm InRelease [151 kB]"
    printf "E: Repository '%s' changed its 'Suite' value from 'stable' to 'oldstable'\\n" \\
        "http://deb.example.internal/debian bookworm InRelease" >&2
    echo "N: This must be accepted explicitly before updates for this repository can be applied." >&2
    exit 100 ;;
esac
exec {template.BIN}/apt-get "$@\"""",
    )
    report = host.run("precheck").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "repository_changed")
    assert "http://deb.example.internal/debian bookworm" in report["error"]["detail"]
    assert "apt-get update --allow-releaseinfo-change" in report["error"]["detail"]
    assert "did not answer" not in report["error"]["detail"]


@pytest.mark.parametrize("phase", ["precheck", "patch"])
@pytest.mark.parametrize("os", ["debian12", "rhel9", "sles15"])
def test_without_any_time_the_reason_is_the_time(make_host: Make, os: str, phase: str) -> None:
    report = make_host(os, pending=1).run(phase, DeadlineSeconds="0").report
    assert (report["status"], report["error"]["code"]) == ("blocked", "deadline_exceeded")
    assert "No time is left: this run had 0 s." in report["error"]["detail"]


@pytest.mark.parametrize("phase", ["precheck", "patch"])
def test_a_run_folder_that_takes_nothing_gives_a_report_all_the_same(make_host: Make, phase: str) -> None:
    """A file in its place stands for what is full or read-only: both refuse the folder that the script asks for."""
    host = make_host("debian12", pending=1)
    (host.root / "run").rmdir()
    (host.root / "run").write_text("")
    report = host.run(phase).report
    assert (report["status"], report["error"]["code"]) == ("blocked", "filesystem_unusable")
    assert f"{host.root}/run is full or mounted read-only" in report["error"]["detail"]
    assert (
        list((host.root / "tmp").glob("patch-portal.*"))
        == list((host.root / "dev").rglob("patch-portal.*"))
        == []
    )


def test_zypper_is_run_again_as_long_as_something_changes(make_host: Make) -> None:
    """Each round ends with 103 after a part of its own stack."""
    host = make_host("sles15", pending=4)
    pending = (host.root / "lab/pending").read_text().splitlines(keepends=True)
    (host.root / "lab/later").write_text("".join(pending[1:]))
    host.tool(
        "zypper",
        f"""lab={host.root}/lab
case " $* " in *" update "*) ;; *) exec {template.BIN}/zypper "$@" ;; esac
echo round >>"$lab/rounds"
{template.BIN}/zypper "$@"
head -n 1 "$lab/later" >"$lab/pending"; sed -i 1d "$lab/later"
[ ! -s "$lab/pending" ] || exit 103""",
    )
    (host.root / "lab/pending").write_text(pending[0])
    outcome = host.command("patch")
    assert host.state("rounds").count("round") == 4
    assert (outcome.status, len(outcome.report["changes"])) == ("patched", 4)


def test_zypper_that_only_says_it_wants_another_round_is_not_believed_for_ever(make_host: Make) -> None:
    host = make_host("sles15", pending=1)
    host.tool(
        "zypper",
        f"""case " $* " in *" update "*) echo round >>{host.root}/lab/rounds; exit 103 ;; esac
exec {template.BIN}/zypper "$@\"""",
    )
    outcome = host.command("patch")
    assert host.state("rounds").count("round") == 2
    assert (outcome.status, outcome.report["error"]["code"]) == ("failed", "updates_left")


def add(root: Path, *rows: str) -> None:
    with (root / "lab/packages").open("a") as table:
        table.writelines(f"ii\t{row}\n" for row in rows)


def forget(root: Path, name: str) -> None:
    table = (root / "lab/packages").read_text().splitlines(keepends=True)
    (root / "lab/packages").write_text("".join(row for row in table if f"\t{name}\t" not in row))


MANY = [
    # system, what stands in the tool's settings, whether two versions of this package are in order
    ("rhel9", "", "", "kernel-core", True),
    ("rhel9", "", "", "kernel6.12-modules-extra-common", True),
    ("rhel9", "", "", "kernel-uek-devel", True),
    ("rhel9", "", "", "kernel-headers", False),
    ("rhel9", "", "", "kernel-tools", False),
    ("rhel9", "etc/dnf/dnf.conf", "[main]\ninstallonlypkgs=kernel kmod-lab\n", "kmod-lab", True),
    ("rhel9", "etc/dnf/dnf.conf", "[main]\ninstallonlypkgs=kmod-other\n", "kmod-lab", False),
    ("sles15", "", "", "kernel-default", True),
    ("sles15", "etc/zypp/zypp.conf", "multiversion = provides:multiversion(kernel), kmod-lab\n", "kmod-lab", True),
    ("sles15", "", "", "kernel-firmware-all", False),
]  # fmt: skip


@pytest.mark.parametrize(("os", "file", "text", "name", "fine"), MANY)
def test_what_may_be_there_twice_is_the_tools_setting(
    make_host: Make, os: str, file: str, text: str, name: str, fine: bool
) -> None:
    host = make_host(os)
    if file:
        (host.root / file).parent.mkdir(parents=True, exist_ok=True)
        (host.root / file).write_text(text)
    add(host.root, f"{name}\tx86_64\t1.0-1", f"{name}\tx86_64\t1.1-1", f"{name}\ti686\t1.1-1")
    report = host.run("precheck").report
    assert check(report, "package_db")["ok"] is fine, check(report, "package_db")
    assert report["before"]["duplicates"] == ([] if fine else [f"{name}.x86_64"])


def test_kernel_clean_up_takes_only_what_is_installed_beside_the_old_one(make_host: Make) -> None:
    """kernel-headers and kernel-tools carry the number of a kernel, and compilers stand on them."""
    host = make_host("rhel9", pending=1, faults=["old_kernels_fill_boot"])
    host.run("precheck", Fixes="none")  # the fault shows
    old = sorted(path.name.removeprefix("vmlinuz-") for path in (host.root / "boot").glob("vmlinuz-[234].*"))
    version = old[0].removesuffix(".x86_64")
    host.tool(
        "rpm", f"""case "$*" in *--whatprovides*) exit 1 ;; esac; exec {template.BIN}/rpm "$@\""""
    )  # as on yum 3
    add(host.root, f"kernel-headers\tx86_64\t{version}", f"kernel-tools\tx86_64\t{version}")
    report = host.run("precheck", Fixes="all").report
    assert f"Removed the old kernels {old[0]}" in check(report, "disk_space")["fix"]["detail"]
    left = [row.split("\t")[1] for row in host.state("packages").splitlines() if version in row]
    assert left == ["kernel-headers", "kernel-tools"]


def test_a_zypper_lock_on_a_package_of_a_patch_keeps_only_that_one_back(make_host: Make) -> None:
    """The solver finds no way for any patch then; the patches themselves name their packages."""
    host = make_host("sles15", pending=4, security=3)
    rows = [row.split("\t") for row in host.state("pending").splitlines()]
    secure = [row[0] for row in rows if row[4] == "1"]
    (host.root / "lab/held").write_text(f"{secure[0]}\n")
    before = host.run("precheck").report["before"]
    assert {row["name"] for row in before["available"] if row["security"]} == set(secure[1:])
    assert before["packages"]["held"] == [secure[0]]
    host.tool(
        "zypper",
        f"""case " $* " in *" install "*) ;; *) exec {template.BIN}/zypper "$@" ;; esac
echo "$*" >"{host.root}/asked"
exec {template.BIN}/zypper --non-interactive update""",
    )
    host.run("patch", Mode="security")
    asked = (host.root / "asked").read_text()
    assert all(f" {name}=" in asked for name in secure[1:])
    assert f" {secure[0]}=" not in asked


TWO_ARCHS = """
Inst libc6 [2.36-9] (2.36-10 Debian-Security:12/stable-security [amd64]) []
Inst libc6:i386 [2.36-9] (2.36-10 Debian-Security:12/stable-security [i386])
2 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.
"""


@pytest.fixture
def two_archs(make_host: Make) -> Any:
    """A Debian that has one library for two architectures, with an update for both."""
    host = make_host("debian12")
    forget(host.root, "libc6")
    add(host.root, "libc6\tamd64\t2.36-9", "libc6\ti386\t2.36-9")
    host.tool(
        "apt-get",
        f"""asked={host.root}/asked
case " $* " in
    *" -s "*) [ ! -e "$asked" ] && cat <<'END' || echo "0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded."
{TWO_ARCHS}END
    ;;
    *" upgrade "*) ;;  # pinned away by its own preferences
    *" install "*)
        echo "$*" >"$asked"
        sed -i 's/^\\(ii.libc6.*2.36\\)-9/\\1-10/' "{host.root}/lab/packages" ;;
    *) exec {template.BIN}/apt-get "$@" ;;
esac""",
    )
    return host


def test_both_architectures_of_a_name_are_told_apart_and_both_are_secure(two_archs: Any) -> None:
    report = two_archs.command("patch", Mode="security").report
    assert " libc6=2.36-10 libc6:i386=2.36-10" in (two_archs.root / "asked").read_text()
    assert [(row["name"], row["arch"], row["security"]) for row in report["changes"]] == [
        ("libc6", "amd64", True),
        ("libc6", "i386", True),
    ]


def test_who_excludes_a_name_means_it_for_each_architecture(two_archs: Any) -> None:
    report = two_archs.command("patch", Exclude="libc6").report
    assert (report["status"], report["aside"]) == ("nothing_to_do", ["libc6", "libc6:i386"])


@pytest.mark.parametrize(
    ("os", "words"),
    [
        ("rhel9", "glibc-2.34-100.i686 glibc-2.34-100.x86_64"),
        ("sles15", "glibc.i686=2.34-100 glibc.x86_64=2.34-100"),
    ],
)
def test_a_tested_version_goes_in_for_each_architecture_that_the_host_has(
    make_host: Make, os: str, words: str
) -> None:
    host = make_host(os)
    forget(host.root, "glibc")
    add(host.root, "glibc\tx86_64\t2.34-83", "glibc\ti686\t2.34-83", "bash\tnoarch\t1.0-1")
    tool = {"rhel9": "dnf", "sles15": "zypper"}[os]
    host.tool(
        tool,
        f"""case " $* " in
    *" list "*) printf 'glibc.x86_64  2.34-100  updates\\nglibc.i686  2.34-100  updates\\n' ;;
    *" search "*) echo '<stream><solvable kind="package" name="glibc" edition="2.34-100" arch="x86_64"/></stream>' ;;
    *" install "*) echo "$*" >"{host.root}/asked" ;;
    *) exec {template.BIN}/{tool} "$@" ;;
esac""",
    )
    host.command("patch", PackageSet="glibc=2.34-100")
    assert f" {words}\n" in (host.root / "asked").read_text()


def test_a_resume_hours_late_still_tells_what_was_installed(make_host: Make) -> None:
    """The reason is never a repository that was not asked for want of time."""
    host = make_host("debian12", pending=3, kernel_update=True)
    assert host.run("patch").codes == [194]
    template.reboot(host.root)
    kept = next((host.root / "var/lib/patch-portal/dispatches").iterdir())
    for name in ("started", "time"):  # by the clock, or what the boot before had used
        if (kept / name).exists():
            first, *others = (kept / name).read_text().split()
            late = int(first) - 90_000 if name == "started" else 90_000
            (kept / name).write_text(" ".join([str(late), *others]) + "\n")
    report = host.run("patch").report
    assert (report["status"], report["error"]) == ("patched", None)
