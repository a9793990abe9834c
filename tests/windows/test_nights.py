"""Ordinary nights: what goes in, what stays out, and the restarts."""

from __future__ import annotations

from tests.windows.conftest import Make
from tests.windows.machine import DEFINITIONS, RESTART, SECURITY, UPGRADES, update


def test_nothing_is_open(make: Make) -> None:
    outcome = make().send()
    assert (outcome.codes, outcome.report["status"]) == ([0], "nothing_to_do")


def test_the_pre_check_looks_and_does_nothing(make: Make) -> None:
    machine = make(update("Cumulative", "5000100", licence=True))
    outcome = machine.send("precheck")
    assert outcome.report["status"] == "ready"
    assert outcome.report["before"]["packages"]["upgradable"] == 1
    assert machine.deeds("") == machine.deeds("search") == 1


def test_updates_go_in_without_a_restart(make: Make) -> None:
    outcome = make(update("One", "5000100"), update("Two", "5000200")).send()
    assert (outcome.codes, outcome.report["status"]) == ([0], "patched")
    assert outcome.changed == ["KB5000100", "KB5000200"]


def test_a_restart_is_made_and_proven(make: Make) -> None:
    outcome = make(update("One", "5000100", restart="keys")).send()
    assert (outcome.codes, outcome.report["status"]) == ([RESTART, 0], "patched")
    reboot = outcome.report["reboot"]
    assert reboot == {"needed": False, "reasons": ["windows_update", "component_servicing"], "done": True}


def test_a_restart_that_only_the_installer_asks_for(make: Make) -> None:
    outcome = make(update("One", "5000100", restart="silent")).send(RebootPolicy="never")
    assert outcome.report["status"] == "reboot_pending"
    assert outcome.changed == ["KB5000100"]


def test_an_update_that_waits_for_its_restart_is_in(make: Make) -> None:
    waiting = update("One", "5000100", restart="keys", still_offered=True)
    outcome = make(waiting).send(RebootPolicy="never")
    assert (outcome.report["status"], outcome.changed) == ("reboot_pending", ["KB5000100"])
    assert outcome.report["after"]["packages"]["upgradable"] == 0


def test_a_restart_that_is_open_comes_first(make: Make) -> None:
    machine = make(update("One", "5000100", needs_restart_first=True), flags=["windows_update"])
    outcome = machine.send()
    assert (outcome.codes, outcome.report["status"]) == ([RESTART, 0], "patched")
    assert machine.deeds("install One") == 1


def test_where_it_may_not_come_first_a_word_says_so(make: Make) -> None:
    machine = make(update("One", "5000100", needs_restart_first=True), flags=["windows_update"])
    assert machine.send(RebootPolicy="never").error == "restart_needed_first"


def test_reasons_that_a_restart_does_not_clear_earn_no_second(make: Make) -> None:
    outcome = make(update("One", "5000100", restart="keys"), sticky=True).send()
    assert (outcome.codes, outcome.report["status"]) == ([RESTART, 0], "reboot_pending")
    assert outcome.error == "restart_did_not_cure"


def test_servicing_after_the_boot_is_waited_for(make: Make) -> None:
    outcome = make(update("One", "5000100", restart="keys"), servicing_s=4).send()
    assert (outcome.codes, outcome.report["status"]) == ([RESTART, 0], "patched")


def test_undone_by_the_restart_is_told_by_name(make: Make) -> None:
    outcome = make(update("One", "5000100", restart="keys", rolls_back=True)).send()
    assert (outcome.report["status"], outcome.changed) == ("failed", [])
    assert "undone by the restart: KB5000100" in outcome.report["error"]["detail"]


def test_another_windows_and_previews_never_go_in(make: Make) -> None:
    upgrade = update("Windows Server 2025", "5000300", categories=[SECURITY, UPGRADES], licence=True)
    machine = make(upgrade, update("Preview", "5000400", optional=True), update("One", "5000100"))
    outcome = machine.send()
    assert (outcome.report["status"], outcome.changed) == ("patched", ["KB5000100"])
    assert sorted(outcome.report["aside"]) == ["KB5000300", "KB5000400"]
    assert machine.deeds("licence") == 0


def test_definitions_decide_nothing(make: Make) -> None:
    first = update("Definitions 1", "2267602", categories=[DEFINITIONS])
    again = update("Definitions 2", "2267602", categories=[DEFINITIONS], install_errors=["0x80070643"] * 3)
    outcome = make(update("One", "5000100"), first, again).send()
    assert (outcome.report["status"], outcome.error) == ("patched", "")


def test_each_update_brings_up_the_next(make: Make) -> None:
    one = update("One", "5000100")
    two = update("Two", "5000200", after=one["id"])
    outcome = make(one, two, update("Three", "5000300", after=two["id"])).send()
    assert (outcome.codes, len(outcome.changed)) == ([0], 3)
