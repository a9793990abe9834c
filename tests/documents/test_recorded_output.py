"""What real yum and apt once printed (recorded outside the repository), read by the documents."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.shims import template

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "packages"
pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason=f"recorded output of package tools is not on this machine: {RECORDED}"
)
Make = Callable[..., Any]
# name.architecture version repository, wherever the lines break
ROW = re.compile(r"(?:^|\n)([\w.+-]+)\.(x86_64|noarch|i686)\s+(\S*\d\S*-\S+)\s+(\S+)")


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@pytest.mark.parametrize("name", ["simple", "multiline", "plugin-output", "security"])
def test_every_row_of_check_update_and_nothing_else(make_host: Make, name: str, shell: str) -> None:
    path = RECORDED / f"puppet/yum-check-update-{name}.txt"
    rows = ROW.findall(path.read_text().partition("Obsoleting Packages")[0])
    assert len(rows) > 5
    host = make_host("rhel9", shell=shell)
    host.tool(
        "dnf", f'case " $* " in *check-update*) cat {path}; exit 100 ;; esac\nexec {template.BIN}/dnf "$@"'
    )
    side = host.run("precheck").report["before"]
    assert side["packages"]["upgradable"] == len(rows)
    told = [(one["name"], one["arch"], one["to"]) for one in side["available"]]
    assert told == [row[:3] for row in rows][: len(told)]


def test_apts_simulation_with_removed_and_new_packages(make_host: Make) -> None:
    path = RECORDED / "jc/generic__apt_get_sqq--sample.out"
    lines = [line for line in path.read_text().splitlines() if line.startswith("Inst ")]
    host = make_host("debian12")
    (host.root / "told").write_text(f"{path.read_text()}{len(lines)} upgraded, 0 newly installed.\n")
    host.tool(
        "apt-get",
        f'case " $* " in *" -s "*) cat {host.root}/told ;; *" update "*) echo "Hit:1 http://x y" ;; esac',
    )
    available = host.run("precheck").report["before"]["available"]
    assert [one["name"] for one in available] == [line.split()[1] for line in lines]
    assert [one["from"] != "" for one in available] == ["[" in line.split("(")[0] for line in lines]
    assert [one["security"] for one in available] == ["Debian-Security" in line for line in lines]
