"""The list of installed packages: vouched for, bounded, or not known at all."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Any

import pytest

from patching.documents.output import OutputUnreadable, parse_result_line
from patching.documents.packages import MOST_PACKAGES, InstalledPackage, parse_packages
from tests.documents.shells import SHELLS
from tests.outputs import block, line_of, printed, sha256
from tests.unit.patching.documents.test_report import DISPATCH, REPORT, line

Make = Callable[..., Any]
ROWS = [("bash", "amd64", "5.2.15-2+b7"), ("zlib1g", "amd64", "1:1.2.13.dfsg-1")]


def parsed(output: str) -> list[InstalledPackage]:
    return parse_packages(output, parse_result_line(output))


def vouched(text: str) -> str:
    return line(sha256={"report": "", "packages": sha256(text)}) + block("PACKAGES", DISPATCH, text)


def squeezed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def test_a_list_that_its_line_vouches_for() -> None:
    assert parsed(printed(REPORT, ROWS)) == [InstalledPackage(*row) for row in ROWS]
    assert line_of(REPORT)["packages"]["installed"] == 10


def test_another_hosts_list_is_not_believed() -> None:
    with pytest.raises(OutputUnreadable, match="does not match"):
        parse_packages(printed(REPORT, ROWS), parse_result_line(printed(REPORT, ROWS[:1])))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (squeezed(b"bash\tamd64\t5\n")[:-8], "torn"),
        ("A" * 400, "cannot be unpacked"),
        ("not base64!", "as agreed"),
        ("A" * 150_001, "as agreed"),
        (squeezed(b"\0" * 5_000_000), "too large"),
        (squeezed(b"bash 5.2\n"), "not as agreed"),
        (squeezed(b"\tamd64\t5\n"), "not as agreed"),
        (squeezed(b"x" * 301 + b"\tamd64\t5\n"), "not as agreed"),
        (squeezed(b"a\tb\tc\n" * (MOST_PACKAGES + 1)), "more than"),
    ],
)
def test_whatever_is_not_as_agreed_is_not_known(text: str, sentence: str) -> None:
    with pytest.raises(OutputUnreadable, match=sentence):
        parsed(vouched(text))


def test_no_block_is_not_an_empty_list() -> None:
    with pytest.raises(OutputUnreadable, match="holds no"):
        parsed(printed(REPORT))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("os", ["debian12", "rhel9", "sles15"])
def test_a_host_prints_what_is_installed_at_the_end(make_host: Make, os: str, shell: str) -> None:
    host = make_host(os, shell=shell, pending=3, kernel_update=True)
    before, after = host.run("precheck"), host.command("patch")
    had, has = (set(outcome.packages) for outcome in (before, after))
    report = after.report
    assert len(had) == before.report["before"]["packages"]["installed"]
    assert len(has) == report["after"]["packages"]["installed"]
    came = {(one["name"], one["to"]) for one in report["changes"] if one["to"]}
    assert {(one.name, one.version) for one in has - had} == came


def test_where_nothing_can_be_packed_the_report_still_comes(make_host: Make) -> None:
    host = make_host("debian12", pending=1)
    host.tool("gzip", "exit 1")
    outcome = host.run("precheck")
    assert outcome.status == "ready"
    assert outcome.line.packages_sha256 == ""
    assert "PACKAGES" not in outcome.stdout
