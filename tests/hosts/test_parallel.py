"""Fifteen hosts of three package tools, checked and patched at the same time on one machine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from patching.states import Agreement, Verdict
from tests.hosts.conftest import RootHost, verdict

pytestmark = pytest.mark.timeout(600)
FLEET = (
    ("debian12", "ubuntu2404", "debian12", "ubuntu2404", "debian12") + ("rhel9", "amzn2023") * 2 + ("rhel9",)
)
FLEET += ("sles15",) * 5


def test_fifteen_hosts_in_parallel(make_host: Callable[..., RootHost]) -> None:
    hosts = [make_host(os_name) for os_name in FLEET]
    assert len(hosts) == 15

    def patched(host: RootHost) -> tuple[Verdict, Agreement, int | None, str]:
        precheck = host.command("precheck", "command-0", DeadlineSeconds="400")
        patch = host.command("patch", timeout_s=500, DeadlineSeconds="400")
        judged, after = verdict(precheck, patch), patch.report["after"]
        assert after["kernel"]["running"] == host.ask("uname -r").strip()
        return judged.verdict, judged.agreement, after["packages"]["upgradable"], judged.reason

    with ThreadPoolExecutor(len(hosts)) as pool:
        results = list(pool.map(patched, hosts))
    assert [found[:3] for found in results] == [(Verdict.PATCHED, Agreement.AGREES, 0)] * 15, results
    boots = {host.ask("cat /proc/sys/kernel/random/boot_id") for host in hosts}
    assert len(boots) == 15
