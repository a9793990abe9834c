"""apt: from pending to the held rest, and every fact of the report as apt and dpkg themselves tell it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.roots.tools import call
from patching.states import Agreement, Verdict
from tests.hosts.conftest import RootHost, verdict

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("os_name", "old", "new"),
    [
        ("debian12", "6.1.0-40-cloud-amd64", "6.1.0-41-cloud-amd64"),
        ("ubuntu2404", "6.8.0-1016-aws", "6.8.0-1018-aws"),
    ],
)
def test_all_updates_and_the_new_kernel(
    make_host: Callable[..., RootHost], os_name: str, old: str, new: str
) -> None:
    host = make_host(os_name)
    precheck = host.command("precheck", "command-0")
    pending = int(host.ask("apt-get -s dist-upgrade | grep -c ^Inst"))
    before = precheck.report["before"]
    assert precheck.status == "ready"
    assert before["packages"]["upgradable"] == pending == 8
    assert before["packages"]["security"] == int(
        host.ask("apt-get -s dist-upgrade | grep -c '^Inst.*Security'")
    )
    assert before["kernel"]["running"] == host.ask("uname -r").strip() == old

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
    assert (
        after["packages"]["upgradable"]
        == int(host.ask("apt-get -s dist-upgrade | grep -c ^Inst || true"))
        == 0
    )
    assert after["packages"]["installed"] == int(
        host.ask("dpkg-query -W -f '${db:Status-Abbrev}\\n' | grep -c ^.i")
    )
    assert after["packages"]["held"] == host.ask("apt-mark showhold").split() == ["labhold"]
    assert after["boot_id"] == host.ask("cat /proc/sys/kernel/random/boot_id").strip() != before["boot_id"]
    judged = verdict(precheck, patch)
    assert (judged.verdict, judged.agreement) == (Verdict.PATCHED, Agreement.AGREES)


def test_changes_are_what_dpkg_has_installed(make_host: Callable[..., RootHost]) -> None:
    host = make_host("debian12", kernel_update=False)
    told = host.command("patch").report["changes"]
    installed = dict(
        line.split("\t") for line in host.ask("dpkg-query -W -f '${Package}\\t${Version}\\n'").splitlines()
    )
    assert {change["name"] for change in told} == {
        "labapp",
        "labbroken",
        "labconf",
        "lablib",
        "labpre",
        "labslow",
    }
    assert all(installed[change["name"]] == change["to"] == "1.1-1" for change in told)
    assert all(change["from"] == "1.0-1" and change["kind"] == "upgrade" for change in told)
    assert {change["name"] for change in told if change["security"]} == {"lablib", "labpre"}
    assert installed["labhold"] == "1.0-1"


def test_security_only_leaves_the_rest(make_host: Callable[..., RootHost]) -> None:
    host = make_host("debian12", kernel_update=False)
    patch = host.command("patch", Mode="security")
    assert {change["name"] for change in patch.report["changes"]} == {"lablib", "labpre"}
    left = int(host.ask("apt-get -s dist-upgrade | grep -c ^Inst"))
    assert patch.report["after"]["packages"]["upgradable"] == left == 4
    assert verdict(None, patch, mode="security").verdict == Verdict.PATCHED


CONTROL = """Package: labapp
Version: 2.0-1
Architecture: all
Maintainer: Lab <lab@example.internal>
Conflicts: labconf
Description: an update that wants another package gone
"""


def test_no_update_takes_another_package_away(make_host: Callable[..., RootHost], tmp_path: Path) -> None:
    """dist-upgrade would remove labconf for it. What is not installed is told, and a person decides."""
    build = tmp_path / "build" / "DEBIAN"
    build.mkdir(parents=True)
    (build / "control").write_text(CONTROL)
    place = tmp_path / "own"
    place.mkdir()
    call(["dpkg-deb", "--root-owner-group", "--build", build.parent, place / "labapp.deb"])
    (place / "Packages").write_text(call(["apt-ftparchive", "packages", "."], cwd=place))
    host = make_host("debian12", kernel_update=False)
    host.give(place, "/srv/own")
    host.ask("echo 'deb [trusted=yes] file:/srv/own ./' >/etc/apt/sources.list.d/own.list")
    patch = host.command("patch")
    assert host.ask("dpkg-query -W -f '${Version}' labconf") == "1.0-1"
    assert {change["kind"] for change in patch.report["changes"]} == {"upgrade"}
    judged = verdict(None, patch)
    assert (patch.error, judged.verdict) == ("updates_left", Verdict.PARTLY)
    assert "Still wanting an update: labapp. These would have to go for it: labconf." in judged.reason


def test_an_admins_configuration_file_stays(make_host: Callable[..., RootHost]) -> None:
    host = make_host("debian12", kernel_update=False)
    before = host.ask("cat /etc/labconf.conf")
    assert "colour = green" in before
    patch = host.command("patch")
    assert patch.status == "patched"
    assert host.ask("cat /etc/labconf.conf") == before
    assert "shape = round" in host.ask("cat /etc/labconf.conf.dpkg-dist")
