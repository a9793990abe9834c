"""Exclude list, tested package set and the host's own scripts, on real package managers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patching.states import Agreement, Verdict
from tests.hosts.conftest import Outcome, RootHost, verdict

pytestmark = pytest.mark.timeout(600)
Make = Callable[..., RootHost]
SYSTEMS = ("debian12", "amzn2023", "sles15")


def changed(outcome: Outcome) -> set[str]:
    return {change["name"] for change in outcome.report["changes"]}


def hook(host: RootHost, name: str, text: str, mode: str = "755") -> None:
    folder = "/etc/patch-portal/hooks"
    host.ask(
        f"mkdir -p {folder} && printf '%s\\n' '#!/bin/sh' '{text}' >{folder}/{name} && chmod {mode} {folder}/{name}"
    )


@pytest.mark.parametrize("os_name", SYSTEMS)
def test_an_excluded_package_stays_and_the_rest_goes_in(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    outcome = host.command("patch", Exclude="labapp,labc*")
    assert "lablib" in changed(outcome)
    assert not {"labapp", "labconf"} & changed(outcome)
    assert sorted(outcome.report["aside"]) == ["labapp", "labconf"]
    judged = verdict(None, outcome)
    assert (outcome.status, judged.verdict, judged.agreement) == (
        "patched",
        Verdict.PATCHED,
        Agreement.AGREES,
    )
    assert "2 updates left out on purpose" in judged.reason
    again = host.command("patch", "command-2", DispatchId="3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e11")
    assert {"labapp", "labconf"} <= changed(again), "nothing of the exclude list stays behind on the host"


@pytest.mark.parametrize("os_name", SYSTEMS)
def test_exactly_the_tested_set_goes_in(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    outcome = host.command("patch", PackageSet="labapp=1.1-1,lablib=1.1-1,nothere=9.9-1")
    assert changed(outcome) == {"labapp", "lablib"}
    assert outcome.status == "patched"
    assert "labconf" in outcome.report["aside"]
    assert verdict(None, outcome).verdict == Verdict.PATCHED


@pytest.mark.parametrize("os_name", SYSTEMS)
def test_a_version_that_is_not_on_offer_is_left_out_alone(make_host: Make, os_name: str) -> None:
    host = make_host(os_name, kernel_update=False)
    outcome = host.command("patch", PackageSet="labconf=7.7-7,lablib=1.1-1")
    assert (outcome.codes, outcome.status, outcome.error) == ([0], "patched", "")
    assert changed(outcome) == {"lablib"}
    assert outcome.report["not_offered"] == ["labconf=7.7-7"]
    assert "Not on offer here and left out: labconf=7.7-7." in verdict(None, outcome).reason


@pytest.mark.parametrize("os_name", SYSTEMS)
def test_where_nothing_of_the_set_is_on_offer_nothing_is_installed_and_nothing_fails(
    make_host: Make, os_name: str
) -> None:
    host = make_host(os_name, kernel_update=False)
    outcome = host.command("patch", PackageSet="labconf=7.7-7,lablib=8.8-8")
    assert (outcome.codes, outcome.status, outcome.error) == ([0], "nothing_to_do", "")
    assert outcome.report["not_offered"] == ["labconf=7.7-7", "lablib=8.8-8"]
    assert verdict(None, outcome).verdict == Verdict.NOTHING_TO_DO


def test_a_script_before_may_forbid_the_patch(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    hook(host, "not-now", "echo the database is rebuilding; exit 3")
    outcome = host.command("patch", PreScript="not-now")
    assert (outcome.codes, outcome.status, outcome.error) == ([1], "blocked", "pre_script_failed")
    assert "the database is rebuilding" in outcome.report["error"]["detail"]
    assert not changed(outcome)


def test_scripts_run_around_the_patch_once_each(make_host: Make) -> None:
    host = make_host("debian12")
    hook(host, "stop-app", 'echo "$1" >>/var/log/hooks; echo "NOISE"')
    outcome = host.command("patch", PreScript="stop-app", PostScript="stop-app")
    assert outcome.codes == [194, 0]
    assert host.ask("cat /var/log/hooks").split() == ["pre", "post"]
    assert "NOISE" not in outcome.stdout


def test_a_failing_script_after_is_told(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    hook(host, "start-app", "echo port 80 is taken >&2; exit 1")
    outcome = host.command("patch", PostScript="start-app")
    assert (outcome.status, outcome.error) == ("partial", "post_script_failed")
    assert "port 80 is taken" in verdict(None, outcome).reason
    assert verdict(None, outcome).verdict == Verdict.PARTLY


@pytest.mark.parametrize("mode", ["777", "775", "644"])
def test_a_script_that_others_may_change_is_not_run(make_host: Make, mode: str) -> None:
    host = make_host("debian12", kernel_update=False)
    hook(host, "stop-app", "touch /ran", mode)
    outcome = host.command("patch", PreScript="stop-app")
    assert (outcome.status, outcome.error) == ("blocked", "pre_script_failed")
    assert host.inside("test -e /ran").code != 0


def test_an_unknown_script_blocks(make_host: Make) -> None:
    outcome = make_host("debian12", kernel_update=False).command("patch", PreScript="nothing")
    assert (outcome.status, outcome.error) == ("blocked", "pre_script_failed")


def test_in_security_mode_only_security_updates_count_as_left_out(make_host: Make) -> None:
    host = make_host("debian12", kernel_update=False)
    outcome = host.command("patch", Mode="security", PackageSet="labapp=1.1-1")
    assert sorted(outcome.report["aside"]) == ["lablib", "labpre"]
    assert verdict(None, outcome, mode="security").verdict == Verdict.PATCHED
