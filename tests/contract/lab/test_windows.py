"""Windows hosts answer from the scenario, in the shape that the portal's own parser reads."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import uuid

import pytest

from patching.documents.assemble import document
from patching.documents.output import parse_result_line
from tests.contract.lab.fleet import OUT, Aws
from tests.outputs import report_in

BUCKET = "patch-portal-results"


def send(aws: Aws, phase: str, dispatch: str, **parameters: str) -> str:
    wanted = document(phase, "windows")
    name = aws.publish_text(wanted.content_yaml, wanted.name)
    given = {"DispatchId": [dispatch], **{key: [value] for key, value in parameters.items()}}
    where = {"OutputS3BucketName": BUCKET, "OutputS3KeyPrefix": f"{OUT}/win", "Comment": f"pp:{dispatch}"}
    return aws.send(aws.ids("win"), DocumentName=name, parameters=given, **where)


def output(aws: Aws, command_id: str) -> str:
    aws.ended(command_id)
    one = aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=aws.id("win"))
    text: str = one["StandardOutputContent"]
    return text


def pieces(text: str, dispatch: str) -> tuple[dict[str, str], str, list[str]]:
    """Of the last answer: the sums in the result line, the report's text, the packages' lines; the sums agree."""
    lines = text.splitlines()
    first = max(i for i, line in enumerate(lines) if line.startswith("PATCH-PORTAL-RESULT "))
    line = json.loads(lines[first].removeprefix("PATCH-PORTAL-RESULT "))
    assert (list(line)[-1], lines[first].isascii(), len(lines[first]) <= 2_000) == ("sha256", True, True)
    assert lines[first + 1 : first + 4 : 2] == [
        f"<<<PATCH-PORTAL-REPORT {dispatch}",
        "PATCH-PORTAL-REPORT>>>",
    ]
    report, sums = lines[first + 2], line["sha256"]
    assert sums["report"] == hashlib.sha256(report.encode("ascii")).hexdigest()
    return sums, report, unpacked(lines[first + 4 :], dispatch, sums["packages"])


def unpacked(lines: list[str], dispatch: str, expected: str) -> list[str]:
    if not expected:
        assert lines == []
        return []
    opened, packed, closed = lines
    assert (opened, closed) == (f"<<<PATCH-PORTAL-PACKAGES {dispatch}", "PATCH-PORTAL-PACKAGES>>>")
    assert hashlib.sha256(packed.encode("ascii")).hexdigest() == expected
    return gzip.decompress(base64.b64decode(packed, validate=True)).decode("ascii").splitlines(keepends=True)


@pytest.fixture
def dispatch() -> str:
    return str(uuid.uuid4())


def test_precheck_then_patch_with_one_reboot_then_nothing_to_do(aws: Aws, dispatch: str) -> None:
    text = output(aws, send(aws, "precheck", dispatch))
    assert text.startswith("scenario: windows answers are scripted\n")
    checked = report_in(text)
    assert (checked["status"], checked["before"]["packages"]["upgradable"]) == ("ready", 4)
    aws.server.control("/lab/time-scale", {"scale": 60})
    aws.keep_down("win")
    command_id = send(aws, "patch", dispatch, DocumentHash="ab")
    aws.let_up("win")
    text = output(aws, command_id)
    assert text.startswith("scenario: windows answers are scripted; restarting\n")
    report = report_in(text)
    line = parse_result_line(text)
    assert line is not None
    assert (report["status"], line.changed, report["document_hash"]) == ("patched", 4, "ab")
    assert report["reboot"] == {"needed": False, "reasons": ["windows_update"], "done": True}
    assert report["before"]["boot_id"] != report["after"]["boot_id"]
    assert report["before"]["kernel"]["running"] != report["after"]["kernel"]["running"]
    assert {change["kind"] for change in report["changes"]} == {"kb"}
    # The same dispatch again: the stored answer, nothing installed twice.
    assert report_in(output(aws, send(aws, "patch", dispatch)))["changes"] == report["changes"]
    again = report_in(output(aws, send(aws, "patch", str(uuid.uuid4()))))
    assert (again["status"], again["changes"]) == ("nothing_to_do", [])


def test_a_failed_update_says_failed_to_systems_manager_too(aws: Aws, dispatch: str) -> None:
    machine = aws.server.world.fleet.named("win").machine
    (machine._root / "windows.json").unlink(missing_ok=True)  # type: ignore[attr-defined]
    aws.fault("win", "update_fails")
    aws.server.control("/lab/time-scale", {"scale": 200})
    row = aws.ended(send(aws, "patch", dispatch))[aws.id("win")]
    assert (row["Status"], row["CommandPlugins"][0]["ResponseCode"]) == ("Failed", 1)
    again = send(aws, "patch", dispatch)
    assert aws.ended(again)[aws.id("win")]["Status"] == "Failed"
    report = report_in(output(aws, again))
    assert (report["status"], len(report["changes"])) == ("partial", 3)


def test_a_full_disk_blocks_unless_it_may_be_fixed(aws: Aws, dispatch: str) -> None:
    aws.fault("win", "disk_full")
    blocked = report_in(output(aws, send(aws, "precheck", dispatch)))
    assert (blocked["status"], blocked["error"]["code"]) == ("blocked", "disk_full")
    freed = report_in(output(aws, send(aws, "precheck", str(uuid.uuid4()), Fixes="early")))
    assert freed["error"] is None


def test_excluded_updates_stay_open_and_are_told(aws: Aws, dispatch: str) -> None:
    machine = aws.server.world.fleet.named("win").machine
    (machine._root / "windows.json").unlink(missing_ok=True)  # type: ignore[attr-defined]  # everything is pending again
    name = report_in(output(aws, send(aws, "precheck", dispatch)))["before"]["available"][0]["name"]
    aws.server.control("/lab/time-scale", {"scale": 200})
    text = output(aws, send(aws, "patch", str(uuid.uuid4()), Exclude=f"{name},KB0*"))
    report = report_in(text)
    assert report["aside"] == [name]
    assert [update["name"] for update in report["after"]["available"]] == [name]
    assert report["status"] == "patched"


def test_both_sums_are_those_of_what_is_printed_and_the_packages_unpack(aws: Aws, dispatch: str) -> None:
    machine = aws.server.world.fleet.named("win").machine
    (machine._root / "windows.json").unlink(missing_ok=True)  # type: ignore[attr-defined]
    aws.server.control("/lab/time-scale", {"scale": 200})
    looked, earlier, before = pieces(output(aws, send(aws, "precheck", dispatch)), dispatch)
    assert len(before) == json.loads(earlier)["before"]["packages"]["installed"]
    patched, later, after = pieces(output(aws, send(aws, "patch", dispatch)), dispatch)
    report = json.loads(later)
    assert set(after) - set(before) == {f"{change['name']}\t\t\n" for change in report["changes"]}
    assert len(after) == len(before) + 4 == report["after"]["packages"]["installed"]
    assert (before, after) == (sorted(before), sorted(after))
    assert looked["packages"] != patched["packages"]


def test_a_report_without_a_side_has_no_packages(aws: Aws, dispatch: str) -> None:
    machine = aws.server.world.fleet.named("win").machine
    state = machine._state()  # type: ignore[attr-defined]
    state["dispatches"][dispatch] = {"boots": 0, "owner": "another-command"}
    machine._save(state)  # type: ignore[attr-defined]
    sums, _, lines = pieces(output(aws, send(aws, "patch", dispatch)), dispatch)
    assert (sums["packages"], lines) == ("", [])
