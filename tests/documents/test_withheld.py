"""What the documents make of a host's own exclusions, of repositories that cannot answer, and of a pinned release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.shims import template
from patching.documents.host_report import Report
from patching.states import Verdict
from patching.verdicts import Evidence, Judgement, judge
from tests.documents.shells import SHELLS
from tests.documents.test_checks import check

Make = Callable[..., Any]
TOOLS = ["debian12", "rhel9", "sles15"]
IN_TURN = [(os, SHELLS[number]) for number, os in enumerate(TOOLS)]


def judged(checked: Any, patched: Any, **more: Any) -> Judgement:
    before, patch = Report.of(checked.report), Report.of(patched.report)
    return judge(Evidence(before=before, patch=patch, line=patched.line, **more))


@pytest.mark.parametrize(("os", "shell"), IN_TURN)
def test_a_security_update_that_the_host_excludes_is_no_patched_host(
    make_host: Make, os: str, shell: str
) -> None:
    host = make_host(os, shell=shell, pending=4, security=2, faults=["updates_excluded"])
    checked, patched = host.run("precheck"), host.command("patch")
    kept = checked.report["before"]["packages"]["withheld"]
    assert (checked.status, kept["total"], kept["security"]) == ("ready", 1, 1)
    assert not check(checked.report, "withheld")["ok"]
    assert patched.report["after"]["packages"]["withheld"] == kept
    assert (patched.status, patched.report["error"]["code"]) == ("partial", "withheld_by_host")
    assert (patched.line.withheld.total, patched.line.withheld.security) == (1, 1)
    found = judged(checked, patched)
    assert found.verdict is Verdict.PARTLY
    assert kept["names"][0] in found.reason
    assert len(patched.report["changes"]) == 3


@pytest.mark.parametrize("os", TOOLS)
def test_an_ordinary_update_that_the_host_excludes_is_told(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3)
    name = host.state("pending").split("\t")[0]
    host.fault("updates_excluded", content=name)
    checked, patched = host.run("precheck"), host.command("patch")
    assert checked.report["before"]["packages"]["withheld"] == {"total": 1, "security": 0, "names": [name]}
    assert check(checked.report, "withheld")["ok"]
    found = judged(checked, patched)
    assert (patched.status, found.verdict) == ("patched", Verdict.PATCHED)
    assert "all on offer is in, 1 update withheld by the host" in found.reason
    again = host.run("precheck", "later")
    assert (again.status, judged(again, host.run("patch", "later", DispatchId=OTHER)).verdict) == (
        "ready",
        Verdict.NOTHING_TO_DO,
    )


PINS = {
    "Package: *\nPin: release a=unstable\nPin-Priority: -10": False,  # a preference among sources
    "Package: nginx\nPin: origin packages.example\nPin-Priority: 900": False,
    "Package: *nginx*\nPin: release *\nPin-Priority: -1": True,
    "# ours\nExplanation: the shop needs it\nPackage: nginx\nPin: version 1.2*\nPin-Priority: 1001": True,
    "Package: nginx\nPin: release a=stable\nPin-Priority: 99": True,
    "Package: *\nPin: release a=x\nPin-Priority: 90\n\nPackage: nginx\nPin: release *\nPin-Priority: -1": True,
}


@pytest.mark.parametrize("pin", PINS)
@pytest.mark.parametrize("shell", SHELLS)
def test_preferences_that_keep_a_package_back(make_host: Make, pin: str, shell: str) -> None:
    host = make_host("debian12", shell=shell)
    (host.root / "etc/apt/preferences.d").mkdir(parents=True)
    (host.root / "etc/apt/preferences.d/ours").write_text(pin)
    answer = f'case " $* " in *" --ignore-hold "*) cat "${{4#*=}}" >{host.root}/used ;; esac'
    host.tool("apt-get", f'{answer}\nexec {template.BIN}/apt-get "$@"')
    assert host.run("precheck").status == "nothing_to_do"
    used = host.root / "used"
    assert used.exists() is PINS[pin]
    if PINS[pin]:
        assert "Pin: version" not in used.read_text()
        assert used.read_text().count("Package:") == pin.count("Package:") - 1


OTHER = "4f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"


@pytest.mark.parametrize("os", ["debian12", "rhel9"])
def test_what_the_window_leaves_out_too_does_not_count(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, security=1, faults=["updates_excluded"])
    name = host.run("precheck").report["before"]["packages"]["withheld"]["names"][0]
    patched = host.command("patch", Exclude=name)
    assert patched.report["after"]["packages"]["withheld"] == {"total": 0, "security": 0, "names": []}
    assert patched.status == "patched"


@pytest.mark.parametrize("os", TOOLS)
def test_a_host_that_keeps_nothing_back_is_not_asked_twice(make_host: Make, os: str) -> None:
    """Each question costs a start of the package tool."""
    host = make_host(os)
    for tool in ("apt-get", "dnf", "zypper"):
        host.tool(tool, f'echo "$*" >>{host.root}/asked\nexec {template.BIN}/{tool} "$@"')
    assert host.command("patch").status == "nothing_to_do"
    lists = [
        line
        for line in (host.root / "asked").read_text().splitlines()
        if "Preferences" in line or "disableexcludes" in line
    ]
    assert lists == []


@pytest.mark.parametrize("os", TOOLS)
def test_what_is_withheld_and_cannot_be_read_is_not_none(make_host: Make, os: str) -> None:
    host = make_host(os, pending=2, faults=["updates_excluded"], security=1)
    host.tool(
        "dnf",
        f'case " $* " in *"check-update"*disableexcludes*) exit 1 ;; esac\nexec {template.BIN}/dnf "$@"',
    )
    host.tool(
        "apt-get", f'case " $* " in *" --ignore-hold "*) exit 1 ;; esac\nexec {template.BIN}/apt-get "$@"'
    )
    answer = '[ -z "${ZYPP_CONF:-}" ] || case " $* " in *list-updates*) exit 1 ;; esac'
    host.tool("zypper", f'{answer}\nexec {template.BIN}/zypper "$@"')
    checked, patched = host.run("precheck"), host.command("patch")
    assert checked.status == "ready"
    assert checked.report["before"]["packages"]["withheld"] == {"total": None, "security": None, "names": []}
    assert patched.report["error"]["code"] == "withheld_by_host"
    assert judged(checked, patched).verdict is Verdict.PARTLY


@pytest.mark.parametrize("os", TOOLS)
def test_without_the_systems_own_repository_nothing_is_known(make_host: Make, os: str) -> None:
    outcome = make_host(os, faults=["base_missing"]).run("precheck")
    assert (outcome.status, outcome.report["error"]["code"]) == ("blocked", "base_repository_missing")
    assert outcome.report["before"]["packages"]["upgradable"] is None


@pytest.mark.parametrize("os", TOOLS)
def test_without_advisories_security_is_not_known(make_host: Make, os: str) -> None:
    host = make_host(os, pending=3, faults=["security_untold"])
    secure, everything = host.run("precheck", Mode="security"), host.run("precheck", Mode="all")
    assert (secure.status, secure.report["error"]["code"]) == ("blocked", "security_unknown")
    assert everything.status == "ready"
    packages = everything.report["before"]["packages"]
    assert (packages["upgradable"], packages["security"]) == (3, None)
    assert host.command("patch", Mode="security").status == "blocked"
    assert judged(everything, host.command("patch", DispatchId=OTHER)).verdict is Verdict.PATCHED


@pytest.mark.parametrize(
    ("os", "tool", "words"),
    [
        ("rhel9", "dnf", '*check-update*) echo "Updates are there."; exit 100 ;;'),
        ("debian12", "apt-get", '*" -s "*) echo "3 upgraded, 0 newly installed, 0 to remove."; exit 0 ;;'),
        ("debian12", "apt-get", '*" -s "*) echo "Inst bash [1] (2 Debian:12/stable [amd64])"; exit 0 ;;'),
        ("sles15", "zypper", '*list-updates*) echo "<stream><update-list>"; exit 0 ;;'),
    ],
)
def test_a_list_that_says_itself_that_it_is_not_whole_is_none(
    make_host: Make, os: str, tool: str, words: str
) -> None:
    host = make_host(os)
    host.tool(tool, f'case " $* " in {words} esac\nexec {template.BIN}/{tool} "$@"')
    report = host.run("precheck").report
    assert (report["status"], report["before"]["packages"]["upgradable"]) == ("blocked", None)
    assert f"the list of {tool} is not whole" in report["error"]["detail"]


@pytest.mark.parametrize(
    ("os", "tool", "words"),
    [
        ("rhel9", "dnf", "*check-update*) exit 100 ;;"),
        ("debian12", "apt-get", '*" -s "*) exit 0 ;;'),
        ("sles15", "zypper", "*list-updates*) echo '<stream><update-list>'; exit 0 ;;"),
    ],
)
@pytest.mark.parametrize("pending", [0, 2])
def test_after_the_work_it_is_not_measured(
    make_host: Make, os: str, tool: str, words: str, pending: int
) -> None:
    """From when on nothing is pending; the list before the work was whole."""
    host = make_host(os, pending=pending)
    check = host.run("precheck")
    half = f'[ -s {host.root}/lab/pending ] || [ ! -e {host.root}/began ] || case " $* " in {words} esac'
    host.tool(tool, f'{half}\nexec {template.BIN}/{tool} "$@"')
    place = host.root / "etc/patch-portal/hooks"
    place.mkdir(parents=True)
    (place / "begin").write_text(f"#!/bin/sh\n: >{host.root}/began\n")
    (place / "begin").chmod(0o755)
    patched = host.command("patch", PreScript="begin")
    assert patched.report["error"]["code"] == "not_measured"
    assert patched.report["after"]["packages"]["upgradable"] is None
    assert judged(check, patched).verdict is (Verdict.PARTLY if pending else Verdict.FAILED)


def test_amazon_linux_tells_a_later_release(make_host: Make) -> None:
    host = make_host("amzn2023", pending=2, faults=["release_pinned"])
    checked, patched = host.run("precheck"), host.command("patch")
    assert checked.report["os"]["release"] == {
        "in_use": "2023.8.20250818",
        "newest": "2023.9.20251208",
        "pinned": True,
    }
    assert not check(checked.report, "release")["ok"]
    found = judged(checked, patched, newest_release=True)
    assert (found.verdict, found.behind) == (Verdict.PATCHED, True)
    assert found.reason.endswith("It is pinned to release 2023.8.20250818; 2023.9.20251208 is out.")


@pytest.mark.parametrize(
    ("answer", "newest"),
    [
        ("exit 0", "2023.8.20250818"),
        ("echo 'Error: no network' >&2; exit 1", ""),
        (
            "printf ' Version 2023.9.20251001:\\n Version 2023.10.20260105:\\n Version 2023.9.20251208:\\n'; exit 100",
            "2023.10.20260105",
        ),
    ],
)
def test_the_newest_release_is_the_latest_that_is_told(make_host: Make, answer: str, newest: str) -> None:
    host = make_host("amzn2023", faults=["release_pinned"])
    host.tool("dnf", f'case " $* " in *check-release-update*) {answer} ;; esac\nexec {template.BIN}/dnf "$@"')
    assert host.run("precheck").report["os"]["release"]["newest"] == newest


UBUNTU = """Reading package lists...
The following upgrades have been deferred due to phasing:
  libnetplan0 netplan.io
The following security updates require Ubuntu Pro with 'esm-apps' enabled:
  imagemagick
Inst libc6 [2.35-0ubuntu3.1] (2.35-0ubuntu3.8 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Inst imagemagick [8:6.9.11] (8:6.9.11+esm2 UbuntuESMApps:22.04/jammy-apps-security [amd64])
Inst tzdata [2024a-0ubuntu0.22.04] (2024b-0ubuntu0.22.04.1 Ubuntu:22.04/jammy-updates [all])
3 upgraded, 0 newly installed, 0 to remove and 2 not upgraded.
Conf libc6 (2.35-0ubuntu3.8 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
"""


def test_ubuntus_phased_updates_are_not_on_offer_and_those_of_esm_are_for_security(make_host: Make) -> None:
    """By documented text; no real Ubuntu ever answered here."""
    host = make_host("ubuntu2404")
    (host.root / "told").write_text(UBUNTU)
    host.tool(
        "apt-get",
        f'case " $* " in *" -s "*) cat {host.root}/told; exit 0 ;; esac\nexec {template.BIN}/apt-get "$@"',
    )
    packages = host.run("precheck").report["before"]["packages"]
    assert (packages["upgradable"], packages["security"], packages["withheld"]["total"]) == (3, 2, 0)
