"""SendCommand, its way and its lists (facts/aws.md §1.2)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.contract.lab.fleet import Aws, code, document, eventually


def refused(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return code(caught.value)


def send_refused(aws: Aws, ids: list[str], **request) -> str:
    name = aws.publish("true")
    return refused(aws.ssm.send_command, **{"DocumentName": name, "InstanceIds": ids, **request})


def test_only_the_named_instance_runs(aws: Aws) -> None:
    command_id = aws.send(aws.ids("web-01"), "echo here")
    rows = aws.ended(command_id)
    assert list(rows) == aws.ids("web-01")
    plugin = rows[aws.id("web-01")]["CommandPlugins"][0]
    assert (plugin["Name"], plugin["Output"], plugin["ResponseCode"]) == ("step1", "here\n", 0)
    command = aws.ssm.list_commands(CommandId=command_id)["Commands"][0]
    counts = [
        command[key] for key in ("TargetCount", "CompletedCount", "ErrorCount", "DeliveryTimedOutCount")
    ]
    assert counts == [1, 1, 0, 0]
    assert (command["Status"], command["StatusDetails"]) == ("Success", "Success")


def test_the_answer_echoes_the_request_and_counts_nothing_yet(aws: Aws) -> None:
    name = aws.publish("true")
    answer = aws.ssm.send_command(
        DocumentName=name,
        InstanceIds=aws.ids("web-01"),
        Comment="pp:x",
        TimeoutSeconds=30,
        DocumentVersion="$LATEST",
    )["Command"]
    assert (answer["Comment"], answer["TargetCount"], answer["DocumentVersion"]) == ("pp:x", 0, "$LATEST")
    assert answer["Status"] == "Pending"
    assert answer["ExpiresAfter"] - answer["RequestedDateTime"] == timedelta(seconds=30 + 3600)
    aws.ended(answer["CommandId"])


def test_it_is_pending_then_in_progress_then_over(aws: Aws) -> None:
    command_id = aws.send(aws.ids("web-01"), "sleep 0.4")
    seen = []
    while not seen or seen[-1] not in ("Success", "Failed"):
        status = aws.invocations(command_id)[0]["Status"]
        seen += [] if seen[-1:] == [status] else [status]
    assert seen in (["Pending", "InProgress", "Success"], ["InProgress", "Success"])


def test_a_running_script_shows_no_output_and_no_code(aws: Aws) -> None:
    command_id = aws.send(aws.ids("web-01"), "echo early; sleep 0.6; echo late")
    eventually(lambda: aws.invocations(command_id)[0]["Status"] == "InProgress")
    found = aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=aws.id("web-01"))
    assert (found["StandardOutputContent"], found["ResponseCode"]) == ("", -1)
    aws.ended(command_id)
    found = aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=aws.id("web-01"))
    assert (found["StandardOutputContent"], found["ResponseCode"]) == ("early\nlate\n", 0)


def test_51_instances_are_refused(aws: Aws) -> None:
    assert send_refused(aws, aws.ids("web-01") * 51) == "ValidationException"


@pytest.mark.parametrize("name", ["asleep-01", "bare"])
def test_one_unmanaged_instance_refuses_the_whole_call(aws: Aws, name: str) -> None:
    assert send_refused(aws, aws.ids("web-01", name)) == "InvalidInstanceId"
    assert send_refused(aws, [*aws.ids("web-01"), "i-0123456789abcdef0"]) == "InvalidInstanceId"


@pytest.mark.parametrize(
    ("request_part", "expected"),
    [
        ({"Comment": "c" * 101}, "ValidationException"),
        ({"TimeoutSeconds": 2_592_001}, "ValidationException"),
        ({"MaxConcurrency": "101%"}, "ValidationException"),
        ({"MaxErrors": "some"}, "ValidationException"),
        ({"DocumentName": "No-Such-Document"}, "InvalidDocument"),
        ({"DocumentVersion": "99"}, "InvalidDocumentVersion"),
        ({"Parameters": {"Unknown": ["x"]}}, "InvalidParameters"),
    ],
)
def test_wrong_requests_are_refused(aws: Aws, request_part: dict, expected: str) -> None:
    assert send_refused(aws, aws.ids("web-01"), **request_part) == expected


def test_a_failing_script_fails_and_only_the_last_command_counts(aws: Aws) -> None:
    assert aws.run("web-01", "false\ntrue")["Status"] == "Success"
    found = aws.run("web-01", "echo bad >&2\nexit 3")
    assert (found["Status"], found["StatusDetails"], found["ResponseCode"]) == ("Failed", "Failed", 3)
    assert found["StandardErrorContent"] == "bad\nfailed to run commands: exit status 3"


def test_max_errors_terminates_the_rest(aws: Aws) -> None:
    ids = aws.ids("web-01", "web-02", "web-03", "web-04")
    command_id = aws.send(ids, "exit 1", MaxConcurrency="1", MaxErrors="1")
    rows = aws.ended(command_id)
    assert sorted(row["StatusDetails"] for row in rows.values()) == [
        "Failed",
        "Failed",
        "Terminated",
        "Terminated",
    ]
    command = aws.ssm.list_commands(CommandId=command_id)["Commands"][0]
    assert (command["Status"], command["ErrorCount"], command["CompletedCount"]) == ("Failed", 2, 4)


def test_max_concurrency_holds(aws: Aws) -> None:
    ids = aws.ids("web-01", "web-02", "web-03", "web-04")
    command_id = aws.send(ids, "sleep 0.3", MaxConcurrency="50%", MaxErrors="100%")
    most = 0
    while True:
        states = [row["Status"] for row in aws.invocations(command_id)]
        most = max(most, states.count("InProgress"))
        if all(status == "Success" for status in states):
            break
    assert most == 2


def test_tag_targets(aws: Aws) -> None:
    name = aws.publish("true")
    targets = [{"Key": "tag:Owner", "Values": ["ana"]}]
    answer = aws.ssm.send_command(DocumentName=name, Targets=targets)["Command"]
    assert len(aws.ended(answer["CommandId"])) == 4


def test_an_offline_host_is_delayed_then_undeliverable(aws: Aws) -> None:
    command_id = aws.send(aws.ids("silent"), "true", TimeoutSeconds=60)
    eventually(lambda: aws.invocations(command_id)[0]["Status"] == "Delayed")
    row = aws.ended(command_id)[aws.id("silent")]
    assert (row["Status"], row["StatusDetails"]) == ("Failed", "Undeliverable")
    assert row["CommandPlugins"][0]["ResponseCode"] == -1
    command = aws.ssm.list_commands(CommandId=command_id)["Commands"][0]
    assert command["ErrorCount"] == 0  # does not count against MaxErrors


def test_a_host_that_comes_back_in_time_gets_its_command(aws: Aws) -> None:
    aws.fault("web-02", "offline")
    assert aws.ping("web-02") == "ConnectionLost"
    command_id = aws.send(aws.ids("web-02"), "echo back", TimeoutSeconds=600)
    eventually(lambda: aws.invocations(command_id)[0]["Status"] == "Delayed")
    aws.fault("web-02", "offline", on=False)
    assert aws.ended(command_id)[aws.id("web-02")]["Status"] == "Success"


def test_execution_time_out_kills_without_a_trap(aws: Aws) -> None:
    name = aws.publish("trap 'echo trapped' EXIT TERM\necho begun\nsleep 60", timeoutSeconds="20")
    command_id = aws.send(aws.ids("web-01"), DocumentName=name)
    row = aws.ended(command_id)[aws.id("web-01")]
    assert (row["Status"], row["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    plugin = row["CommandPlugins"][0]
    assert (plugin["ResponseCode"], plugin["Output"]) == (137, "begun\n")
    assert aws.ssm.list_commands(CommandId=command_id)["Commands"][0]["ErrorCount"] == 1


def test_no_terminal_answer_before_the_expiry_is_delivery_timed_out(aws: Aws) -> None:
    aws.fault("web-03", "offline")
    name = aws.publish("true", timeoutSeconds="20")
    command_id = aws.send(aws.ids("web-03"), DocumentName=name, TimeoutSeconds=30)
    aws.fault("web-03", "offline", on=False)
    aws.ended(command_id)
    # It begins, then the agent is gone for good.
    command_id = aws.send(aws.ids("web-03"), DocumentName=aws.publish("sleep 0.2", timeoutSeconds="20"))
    eventually(lambda: aws.invocations(command_id)[0]["Status"] == "InProgress")
    aws.fault("web-03", "offline")
    time.sleep(0.3)
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"
    aws.fault("web-03", "offline", on=False)
    assert aws.ended(command_id)[aws.id("web-03")]["Status"] == "Success"


def test_a_command_without_an_answer_expires(aws: Aws) -> None:
    name = aws.publish("sleep 0.3", timeoutSeconds="20")
    command_id = aws.send(aws.ids("web-04"), DocumentName=name, TimeoutSeconds=30)
    eventually(lambda: aws.invocations(command_id)[0]["Status"] == "InProgress")
    aws.fault("web-04", "offline")
    row = aws.ended(command_id)[aws.id("web-04")]  # (30 + 20) s / time scale
    assert (row["Status"], row["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")


def test_cancel_kills_what_runs(aws: Aws) -> None:
    command_id = aws.send(aws.ids("web-01", "web-02"), "echo begun\nsleep 60", MaxConcurrency="1")
    eventually(lambda: "InProgress" in [row["Status"] for row in aws.invocations(command_id)])
    aws.ssm.cancel_command(CommandId=command_id)
    rows = aws.ended(command_id)
    assert [row["StatusDetails"] for row in rows.values()] == ["Cancelled", "Cancelled"]
    assert aws.ssm.list_commands(CommandId=command_id)["Commands"][0]["Status"] == "Cancelled"
    unknown = "00000000-0000-0000-0000-000000000000"
    assert refused(aws.ssm.cancel_command, CommandId=unknown) == "InvalidCommandId"


def test_visibility_delay_hides_a_command_from_every_list(aws: Aws) -> None:
    aws.server.control("/lab/visibility", {"seconds": 30})
    command_id = aws.send(aws.ids("web-01"), "true")
    assert aws.invocations(command_id) == []
    assert aws.ssm.list_commands(CommandId=command_id)["Commands"] == []
    get = aws.ssm.get_command_invocation
    assert refused(get, CommandId=command_id, InstanceId=aws.id("web-01")) == "InvocationDoesNotExist"
    aws.ended(command_id)


def test_commands_are_found_by_time_document_status_and_stage(aws: Aws) -> None:
    name = aws.publish("true", name="Found-Doc")
    before = datetime.now(UTC) - timedelta(seconds=1)
    command_id = aws.send(aws.ids("web-01"), DocumentName=name, Comment="pp:find-me")
    aws.ended(command_id)

    def found(*filters: tuple[str, str]) -> list[str]:
        asked = [{"key": key, "value": value} for key, value in filters]
        return [one["CommandId"] for one in aws.ssm.list_commands(Filters=asked)["Commands"]]

    stamp = before.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found(("InvokedAfter", stamp), ("DocumentName", name)) == [command_id]
    assert found(("InvokedBefore", stamp), ("DocumentName", name)) == []
    assert found(("Status", "Success"), ("DocumentName", name)) == [command_id]
    assert found(("Status", "Failed"), ("DocumentName", name)) == []
    assert found(("ExecutionStage", "Complete"), ("DocumentName", name)) == [command_id]
    assert found(("ExecutionStage", "Executing"), ("DocumentName", name)) == []
    assert aws.ssm.list_commands(CommandId=command_id)["Commands"][0]["Comment"] == "pp:find-me"
    with pytest.raises(ClientError, match="InvalidFilterValue"):
        found(("InvokedAfter", "yesterday"))


def test_lists_come_in_pages_of_50_newest_first(aws: Aws) -> None:
    far = aws.far
    ids = [far.id(f"far-{i:02d}") for i in range(1, 51)]
    name = far.publish("true")
    first = far.send(ids, DocumentName=name)
    for _ in range(50):
        last = far.send(ids[:1], DocumentName=name)
    page = far.ssm.list_commands()
    assert len(page["Commands"]) == 50
    assert page["Commands"][0]["CommandId"] == last
    rest = far.ssm.list_commands(NextToken=page["NextToken"])
    assert [one["CommandId"] for one in rest["Commands"]] == [first]
    assert "NextToken" not in rest
    part = far.ssm.list_command_invocations(CommandId=first, MaxResults=30)
    more = far.ssm.list_command_invocations(CommandId=first, MaxResults=30, NextToken=part["NextToken"])
    assert (len(part["CommandInvocations"]), len(more["CommandInvocations"])) == (30, 20)
    assert refused(far.ssm.list_commands, NextToken="made-up") == "InvalidNextToken"


def test_documents_of_several_steps(aws: Aws) -> None:
    name = aws.publish("echo one; exit 4", "echo two")
    command_id = aws.send(aws.ids("web-01"), DocumentName=name)
    plugins = aws.ended(command_id)[aws.id("web-01")]["CommandPlugins"]
    # A failed step does not stop the next one.
    assert [one["Status"] for one in plugins] == ["Failed", "Success"]
    assert [one["Output"].splitlines()[0] for one in plugins] == ["one", "two"]
    asked = {"CommandId": command_id, "InstanceId": aws.id("web-01")}
    assert refused(aws.ssm.get_command_invocation, **asked) == "InvalidPluginName"
    second = aws.ssm.get_command_invocation(**asked, PluginName="step2")
    assert (second["StandardOutputContent"], second["Status"]) == ("two\n", "Failed")


@pytest.mark.parametrize(("exit_code", "status"), [(168, "Success"), (169, "Failed")])
def test_168_and_169_skip_the_rest(aws: Aws, exit_code: int, status: str) -> None:
    command_id = aws.send(aws.ids("web-01"), f"exit {exit_code}", "echo two")
    row = aws.ended(command_id)[aws.id("web-01")]
    assert row["Status"] == status
    assert row["CommandPlugins"][1]["Output"].endswith("skipped due to prior step with an exit condition")


def test_on_failure_exit_stops_the_document(aws: Aws) -> None:
    name = aws.publish_text(document("exit 1", "echo two", onFailure="exit"))
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    assert row["Status"] == "Failed"
    assert row["CommandPlugins"][1]["Output"].endswith("skipped due to prior step with an exit condition")


def test_an_unmet_precondition_is_skipped_as_success(aws: Aws) -> None:
    text = document("echo ran").replace(
        "  name: step1", "  name: step1\n  precondition:\n    StringEquals: [platformType, Windows]"
    )
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=aws.publish_text(text)))[aws.id("web-01")]
    assert row["Status"] == "Success"
    assert "ran" not in row["CommandPlugins"][0]["Output"]


def test_commands_of_one_moment_find_a_new_host_whole(aws: Aws) -> None:
    ids, name = aws.ids("web-04"), aws.publish("ls $PATCH_PORTAL_ROOT/etc/os-release")
    sent = [aws.send(ids, DocumentName=name) for _ in range(8)]
    assert [aws.ended(command_id)[ids[0]]["Status"] for command_id in sent] == ["Success"] * 8
