"""Repositories that nobody signed: other than one signed by a stranger, and no less refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.roots import images
from patching.states import Verdict
from tests.hosts.conftest import RootHost, verdict
from tests.hosts.test_faults import STILL_OLD

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
OWN = "/srv/own"
KEY = "gpgkey=file:///srv/repo/public.asc"
SOURCE = {
    "debian12": f"echo 'deb [signed-by=/usr/share/keyrings/lab.gpg] file:{OWN} lab-updates main' "
    ">>/etc/apt/sources.list",
    "rhel9": f"printf '[own]\\nname=own\\nbaseurl=file://{OWN}\\ngpgcheck=1\\n{KEY}\\n' >>/etc/yum.repos.d/lab.repo",
    "sles15": f"printf '[own]\\nname=own\\nbaseurl=file://{OWN}\\nenabled=1\\nautorefresh=1\\ngpgcheck=1\\n{KEY}\\n' "
    ">>/etc/zypp/repos.d/lab.repo",
}


def unsigned_copy(os_name: str, place: Path) -> None:
    """The repository of updates without any signature, where the host will see it as /srv/own."""
    given = images.image(os_name).repository
    place.mkdir(parents=True)
    if os_name == "debian12":
        for name in ("pool", "dists"):
            shutil.copytree(given / name, place / name)
        (place / "dists/lab-updates/InRelease").unlink()
        return
    for rpm in (given / "updates").glob("labapp-*.rpm"):
        shutil.copy(rpm, place)
        subprocess.run(["rpmsign", "--delsign", place / rpm.name], check=True, capture_output=True)
    subprocess.run(["createrepo_c", "--quiet", "--no-database", place], check=True)


@pytest.mark.parametrize(
    ("os_name", "error"),
    [
        ("debian12", "repository_unsigned"),
        # the packages are what these two look at, once they have downloaded them
        ("rhel9", "install_failed"),
        ("sles15", "repository_unsigned"),
    ],
)
def test_a_repository_that_nobody_signed(make_host: Make, tmp_path: Path, os_name: str, error: str) -> None:
    host = make_host(os_name, kernel_update=False, pending=0, security=0)
    unsigned_copy(os_name, tmp_path / "own")
    host.give(tmp_path / "own", OWN)
    host.ask(SOURCE[os_name])
    patch = host.command("patch")
    assert (patch.error, patch.report["changes"]) == (error, [])
    assert verdict(None, patch).verdict == Verdict.FAILED
    assert host.ask(STILL_OLD[os_name]) == "labapp 1.0-1\n"
