"""Nights that go wrong: what fails, hangs, dies or lies, and what is told of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.windows.conftest import Make
from tests.windows.machine import RESTART, update


def test_the_installers_own_number_is_told(make: Make) -> None:
    outcome = make(
        update("One", "5000100", install_errors=["0x800F0922"] * 4), update("Two", "5000200")
    ).send()
    assert (outcome.report["status"], outcome.error, outcome.changed) == (
        "partial",
        "install_failed",
        ["KB5000200"],
    )
    assert outcome.report["failures"] == [
        {"name": "KB5000100", "to": "One", "step": "install", "code": "0x800F0922"}
    ]


def test_what_failed_is_tried_once_more_after_a_restart(make: Make) -> None:
    shaky = update("One", "5000100", install_errors=["0x800F0831"])
    outcome = make(shaky, update("Two", "5000200", restart="keys")).send()
    assert (outcome.codes, outcome.report["status"]) == ([RESTART, 0], "patched")


def test_a_search_and_a_download_that_fail_once_are_asked_again(make: Make) -> None:
    machine = make(update("One", "5000100", download_errors=["0x80072EE2"]), search_errors=["0x8024402C"])
    assert machine.send().report["status"] == "patched"


@pytest.mark.parametrize(("code", "empty"), [(4, 0), (5, 0), (3, 0), (2, 2)])
def test_no_proof_is_never_an_all_clear(make: Make, code: int, empty: int) -> None:
    outcome = make(search_code=code, empty=empty).send("precheck")
    assert (outcome.report["status"], outcome.error) == ("blocked", "update_service_unavailable")


def test_what_went_in_is_told_where_the_search_after_it_fails(make: Make) -> None:
    outcome = make(update("One", "5000100"), search_errors=["", *["0x80244022"] * 9]).send(
        DeadlineSeconds="12"
    )
    assert (outcome.report["status"], outcome.error) == ("partial", "update_service_unavailable")
    assert outcome.changed == ["KB5000100"]
    assert "not yet proven" in outcome.report["error"]["detail"]


@pytest.mark.parametrize("phase", ["precheck", "patch"])
def test_a_silent_wmi_costs_no_report(make: Make, phase: str) -> None:
    outcome = make(update("One", "5000100"), wmi_silent=True).send(
        "patch" if phase == "patch" else "precheck"
    )
    assert outcome.report["status"] in ("ready", "patched")
    side = outcome.report["after"] or outcome.report["before"]
    assert side["packages"]["installed"] is None


def test_an_install_that_hangs_ends_in_a_report(make: Make) -> None:
    machine = make(update("One", "5000100", seconds=90))
    outcome = machine.send(DeadlineSeconds="3", seconds=45)
    assert (outcome.report["status"], outcome.error) == ("failed", "deadline_exceeded")
    assert "KB5000100 (install)" in outcome.report["error"]["detail"]


def test_an_update_that_takes_the_host_down_is_tried_twice(make: Make) -> None:
    machine = make(update("One", "5000100"), dies_at=["install "] * 6)
    assert machine.send().report["status"] == "failed"
    assert machine.deeds("install ") == 2


def test_what_went_in_before_the_kill_counts(make: Make) -> None:
    outcome = make(update("One", "5000100"), update("Two", "5000200"), dies_at=["installed One"]).send()
    assert (outcome.report["status"], outcome.changed) == ("patched", ["KB5000100", "KB5000200"])


def test_without_a_note_nothing_is_installed(make: Make) -> None:
    machine = make(update("One", "5000100"), refuses="progress")
    assert machine.send().error == "interrupted"
    assert machine.deeds("install") == 0


def test_the_script_after_runs_in_spite_of_the_documents_own_failure(make: Make) -> None:
    machine = make(update("One", "5000100"), refuses="before")
    machine.hook("stop", "exit 0")
    machine.hook("start", "[IO.File]::WriteAllText((Join-Path $env:HOME 'started'), 'x'); exit 0")
    machine.send(PreScript="stop", PostScript="start")
    assert (machine.folder / "started").exists()


def test_notes_full_of_zeros_cost_no_report(make: Make) -> None:
    machine = make(update("One", "5000100", restart="keys"))
    dispatch, command = str(uuid4()), str(uuid4())
    machine.send(command=command, restarts=False, DispatchId=dispatch)
    for note in machine.notes(dispatch).glob("*.json"):
        note.write_bytes(bytes(note.stat().st_size))
    machine.restart()
    assert machine.send(command=command, DispatchId=dispatch).report["status"] in ("patched", "nothing_to_do")


def test_a_second_delivery_gets_the_stored_answer_and_its_code(make: Make) -> None:
    machine = make(update("One", "5000100", install_errors=["0x800F0922"] * 4))
    dispatch = str(uuid4())
    first = machine.send(DispatchId=dispatch)
    second = machine.send(DispatchId=dispatch)
    assert (first.codes, second.codes) == ([1], [1])
    assert second.report["command_id"] == first.report["command_id"]
    assert machine.deeds("install ") == 1


@pytest.mark.parametrize("language", ["fi_FI.UTF-8", "th_TH.UTF-8", "da_DK.UTF-8"])
def test_a_host_of_another_language_is_read(
    make: Make, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDOWS_LANG", language)
    assert make(update("One", "5000100")).send(SentAt="1").report["status"] == "patched"


def test_a_clock_far_ahead_and_a_boot_to_come_cost_no_report(make: Make) -> None:
    machine = make(update("One", "5000100"), boot="2999-01-01T00:00:00Z")
    outcome = machine.send("precheck", SentAt="9999999999")
    assert outcome.report["before"]["uptime_s"] == 0
