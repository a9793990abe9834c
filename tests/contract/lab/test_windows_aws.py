"""AWS-InstallWindowsUpdates on a simulated host: no guard, no report, and the failure that is none."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from patching.documents import aws_windows
from patching.documents.assemble import document
from patching.documents.host_report import Report
from patching.documents.report import validate
from tests.contract.lab.fleet import Aws, code
from tests.outputs import report_in


@pytest.fixture(autouse=True)
def quick(aws: Aws) -> None:
    """A fresh host, and restarts of half a second."""
    machine = aws.server.world.fleet.named("win").machine
    (machine._root / "windows.json").unlink(missing_ok=True)  # type: ignore[attr-defined]
    aws.server.control("/lab/time-scale", {"scale": 200})


def install(aws: Aws, mode: str = "all", reboot: str = "if-needed", excluded: tuple[str, ...] = ()) -> Any:
    given = aws_windows.parameters(mode=mode, reboot=reboot, excluded=excluded)
    return aws.run(
        "win", DocumentName=aws_windows.NAME, DocumentVersion=aws_windows.VERSION, parameters=given
    )


def look(aws: Aws) -> dict[str, Any]:
    """Our pre-check."""
    wanted = document("precheck", "windows")
    name = aws.publish_text(wanted.content_yaml, wanted.name)
    answer = aws.run("win", DocumentName=name, parameters={"DispatchId": [str(uuid.uuid4())]})
    return report_in(answer["StandardOutputContent"])


def two_looks(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The JSON of the report that they make, valid by the schema."""
    made = aws_windows.report_of_looks(Report.of(before), Report.of(after), mode="all").to_json()
    validate(made)
    return made


def test_it_installs_restarts_searches_again_and_ends_well(aws: Aws) -> None:
    before = look(aws)
    answer = install(aws)
    assert (answer["Status"], answer["ResponseCode"]) == ("Success", 0)
    said = answer["StandardOutputContent"]
    assert "| Info | Found 4 available Windows Updates.\n" in said
    assert said.endswith("| Info | Found 0 available Windows Updates.\n")
    after = look(aws)
    assert before["before"]["boot_id"] != after["before"]["boot_id"]
    assert after["status"] == "nothing_to_do"


def test_the_false_failure_is_seen_through_by_the_second_look(aws: Aws) -> None:
    aws.fault("win", "false_failure")
    before = look(aws)
    answer = install(aws)
    assert (answer["Status"], answer["ResponseCode"]) == ("Failed", 1)
    report = two_looks(before, look(aws))
    assert (report["status"], len(report["changes"]), report["reboot"]["done"]) == ("patched", 4, True)


def test_with_nothing_to_install_it_ends_well_in_spite_of_the_fault(aws: Aws) -> None:
    install(aws)
    aws.fault("win", "false_failure")
    assert install(aws)["Status"] == "Success"


def test_a_failure_that_is_one_leaves_the_updates_open(aws: Aws) -> None:
    aws.fault("win", "update_fails")
    before = look(aws)
    answer = install(aws)
    assert (answer["Status"], answer["ResponseCode"]) == ("Failed", 4_294_967_295)
    report = two_looks(before, look(aws))
    assert (report["status"], report["error"]["code"]) == ("failed", "updates_left")


def test_security_only_and_excluded_numbers(aws: Aws) -> None:
    names = [update["name"] for update in look(aws)["before"]["available"] if update["security"]]
    install(aws, mode="security", excluded=(names[0],))
    left = [update["name"] for update in look(aws)["before"]["available"] if update["security"]]
    assert left == names[:1]


def test_never_restarting_leaves_the_restart_open(aws: Aws) -> None:
    before = look(aws)
    install(aws, reboot="never")
    after = look(aws)
    assert after["reboot"]["needed"] is True
    report = two_looks(before, after)
    assert (report["status"], report["reboot"]["done"]) == ("reboot_pending", False)


def test_it_has_no_guard_a_second_delivery_runs_again(aws: Aws) -> None:
    install(aws)
    install(aws)
    machine = aws.server.world.fleet.named("win").machine
    assert len(machine._state()["aws_runs"]) == 2  # type: ignore[attr-defined]


def test_our_own_document_has_one(aws: Aws) -> None:
    wanted = document("patch", "windows")
    name = aws.publish_text(wanted.content_yaml, wanted.name)
    dispatch = str(uuid.uuid4())
    machine = aws.server.world.fleet.named("win").machine
    state = machine._state()  # type: ignore[attr-defined]
    state["dispatches"][dispatch] = {"boots": 0, "owner": "another-command"}
    machine._save(state)  # type: ignore[attr-defined]
    answer = aws.run("win", DocumentName=name, parameters={"DispatchId": [dispatch]})
    report = report_in(answer["StandardOutputContent"])
    assert (report["status"], report["error"]["code"]) == ("duplicate_running", "duplicate_delivery")


@pytest.mark.parametrize("given", [{"Action": ["Remove"]}, {"AllowReboot": ["yes"]}, {"Kbs": ["KB1"]}])
def test_its_parameters_are_checked(aws: Aws, given: dict[str, list[str]]) -> None:
    with pytest.raises(ClientError) as caught:
        aws.send(aws.ids("win"), DocumentName=aws_windows.NAME, parameters=given)
    assert code(caught.value) == "InvalidParameters"


def test_on_linux_it_does_nothing(aws: Aws) -> None:
    name = aws_windows.NAME
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    assert (row["Status"], row["CommandPlugins"][0]["ResponseCode"]) == ("Success", 0)
    assert "unsatisfied preconditions" in row["CommandPlugins"][0]["Output"]
