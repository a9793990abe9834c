"""A canary that lies about its packages: where versions are promoted, it neither stops nor steers those after it."""

from __future__ import annotations

from typing import Any

from patching.models import PackageChange, Run
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_waves import promoted


def change(name: str, to: str) -> dict[str, Any]:
    return {"name": name, "arch": "amd64", "from": "", "to": to, "kind": "upgrade", "security": False}


OPENSSL = change("openssl", "3.0.14")
JUNK = [change("open ssl", "1"), change("openssl", "1" * 280), change("a,b=1", "1"), *(
    change(f"flood-{number}", "1.0-" + "1" * 60) for number in range(60))]  # fmt: skip


def night(stage: Stage, canaries: int, rogue: list[dict[str, Any]], later: int = 3) -> Run:
    for number in range(1, canaries + later + 1):
        stage.cloud.add(number)
    stage.cloud.hosts[f"i-{1:017x}"].changes = rogue
    run = stage.set(policy={"waves": [{"name": "Canary", "count": canaries}], "promote": True})
    stage.to_the_end()
    return run


def test_what_no_package_manager_tells_is_dropped_and_said_and_nobody_is_stopped(stage: Stage) -> None:
    run = night(stage, 3, [OPENSSL, *JUNK])
    assert promoted(stage) == ["", "openssl=3.0.14"]
    assert set(run.targets.values_list("verdict", flat=True)) == {"patched"}
    reason = run.targets.get(asset__name="web-1").reason
    assert "3 package changes that it reported are dropped: " in reason
    assert not PackageChange.objects.filter(name__contains=" ").exists()
    for row in run.targets.filter(wave=2):
        assert "Not promoted: flood-0 (told by 1 of 3 proven servers alone)" in row.reason
        assert "and 55 more." in row.reason


def test_a_version_of_its_own_is_outvoted(stage: Stage) -> None:
    night(stage, 3, [change("openssl", "9.9.9")])
    assert promoted(stage) == ["", "openssl=3.0.14"]


def test_of_two_that_differ_neither_is_believed_and_the_others_go_on(stage: Stage) -> None:
    run = night(stage, 2, [change("openssl", "9.9.9")])
    assert promoted(stage) == ["", "nothing-was-changed=0"]
    later = run.targets.filter(wave=2)
    assert set(later.values_list("state", flat=True)) == {"done"}
    assert all("Not promoted: openssl (told by 1 of 2 proven servers alone)." in row.reason for row in later)


def test_alone_it_can_flood_the_set_and_stop_nobody(stage: Stage) -> None:
    flood = [change(f"{number:03}-{'x' * 80}", "1.0-1") for number in range(380)]
    run = night(stage, 1, [*flood, OPENSSL])
    assert len(promoted(stage)[1]) <= 7_000
    assert set(run.targets.filter(wave=2).values_list("state", flat=True)) == {"done"}
