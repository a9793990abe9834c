"""A server with 4,997 installed packages, 807 of them pending, on real apt and dpkg."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from patching.documents.output import parse_result_line
from patching.documents.packages import InstalledPackage, parse_packages
from patching.states import Verdict
from tests.hosts.conftest import Outcome, RootHost, verdict

pytestmark = pytest.mark.timeout(600)
INSTALLED, PENDING = 4_997, 807
REPORT_BYTES, PACKAGES_BYTES, LINE_BYTES = 20_000, 150_000, 2_000
# As dpkg knows them: the packages are there, with no file of their own.
REGISTER = """
cat /srv/many/status >>/var/lib/dpkg/status
while read -r name; do : >"/var/lib/dpkg/info/$name.list"; done </srv/many/names
echo 'deb [trusted=yes] file:/srv/many ./' >/etc/apt/sources.list.d/many.list
"""
COUNT = "dpkg-query -W -f '${db:Status-Abbrev}\\n' | grep -c '^.i'"
OPEN = "apt-get -s dist-upgrade | grep -c '^Inst' || true"


def control(name: str, version: str) -> str:
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Lab <lab@example.com>\n"
        f"Description: one of many\n"
    )


def debian_package(name: str, version: str) -> bytes:
    """The smallest package that dpkg installs: an ar archive of a control file and no data."""
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": archive({"./control": control(name, version)}),
        "data.tar.gz": archive({}),
    }
    ar = b"!<arch>\n"
    for member, data in parts.items():
        ar += f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data
        ar += b"\n" * (len(data) % 2)
    return ar


def archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def write_repository(folder: Path, names: list[str]) -> None:
    """A repository with version 1.1-1 of the first PENDING, and dpkg's records of 1.0-1 of all."""
    folder.mkdir()
    index = ""
    for name in names[:PENDING]:
        data = debian_package(name, "1.1-1")
        (folder / f"{name}.deb").write_bytes(data)
        found = f"Filename: ./{name}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"
        index += control(name, "1.1-1") + found
    (folder / "Packages").write_text(index)
    status = "Status: install ok installed\n"
    (folder / "status").write_text("".join(f"{control(name, '1.0-1')}{status}\n" for name in names))
    (folder / "names").write_text("\n".join(names) + "\n")


def bounds(outcome: Outcome) -> list[int]:
    """Bytes of the line, the report and the packages, in the order in which they are printed."""
    line, opened, report, closed, listed, packages, end = outcome.stdout.splitlines()
    assert line.startswith("PATCH-PORTAL-RESULT ")
    assert (opened[:23], closed) == ("<<<PATCH-PORTAL-REPORT ", "PATCH-PORTAL-REPORT>>>")
    assert (listed[:25], end) == ("<<<PATCH-PORTAL-PACKAGES ", "PATCH-PORTAL-PACKAGES>>>")
    return [len(line), len(opened) + len(report) + len(closed) + 3, len(packages)]


def listed(outcome: Outcome) -> list[InstalledPackage]:
    return parse_packages(outcome.stdout, parse_result_line(outcome.stdout))


def test_counts_are_true_and_every_part_keeps_its_bound(
    make_host: Callable[..., RootHost], tmp_path: Path
) -> None:
    host = make_host("debian12", pending=0, security=0, kernel_update=False)
    own = int(host.ask(COUNT))
    names = [f"libmany-of-a-usual-length-{number:04d}-perl" for number in range(INSTALLED - own)]
    write_repository(tmp_path / "many", names)
    host.give(tmp_path / "many", "/srv/many")
    host.ask(REGISTER)
    check = host.command("precheck", "command-0", DeadlineSeconds="300")
    assert int(host.ask(COUNT)) == INSTALLED
    before = check.report["before"]["packages"]
    assert (before["installed"], before["upgradable"]) == (INSTALLED, int(host.ask(OPEN)))
    assert before["upgradable"] == check.report["truncated"]["before.available"] >= PENDING
    patch = host.command("patch", DeadlineSeconds="300")
    report = patch.report
    assert report["truncated"]["changes"] == before["upgradable"]
    assert (report["after"]["packages"]["upgradable"], int(host.ask(OPEN))) == (0, 0)
    assert verdict(check, patch).verdict == Verdict.PATCHED
    for outcome in (check, patch):
        assert len(listed(outcome)) == INSTALLED
        for size, bound in zip(bounds(outcome), (LINE_BYTES, REPORT_BYTES, PACKAGES_BYTES), strict=True):
            assert size <= bound
    new = {one.name for one in listed(patch) if one.version == "1.1-1" and one.name in set(names)}
    assert new == set(names[:PENDING])
