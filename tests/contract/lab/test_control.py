"""The control API: throttling, lost answers, the log; and errors that AWS clients understand."""

from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from lab.server import ControlError
from tests.contract.lab.fleet import OTHER, PORTAL, REGION, Aws, code, eventually


def refused(call, **request) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value


def status(error: ClientError) -> int:
    found: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return found


def throttle(aws: Aws, service: str, operation: str, **bucket: object) -> None:
    body = {"service": service, "operation": operation, "capacity": 2, "refill_per_s": 0, **bucket}
    aws.server.control("/lab/throttle", body)


def test_nothing_is_throttled_at_first(aws: Aws) -> None:
    for _ in range(30):
        aws.ssm.list_commands()


def test_ec2_throttles_with_503_ssm_with_400(aws: Aws) -> None:
    throttle(aws, "ec2", "DescribeInstances")
    throttle(aws, "ssm", "ListCommands")
    for call in (aws.ec2.describe_instances, aws.ssm.list_commands):
        call()
        call()
    error = refused(aws.ec2.describe_instances)
    assert (code(error), status(error)) == ("RequestLimitExceeded", 503)
    error = refused(aws.ssm.list_commands)
    assert (code(error), status(error)) == ("ThrottlingException", 400)
    aws.ssm.list_command_invocations()  # another operation
    aws.client("ssm", **aws.assume(OTHER)).list_commands()  # another account


def test_buckets_refill_in_the_labs_time(aws: Aws) -> None:
    throttle(aws, "ssm", "ListCommands", capacity=1, refill_per_s=1000)
    for _ in range(5):
        aws.ssm.list_commands()


def test_resource_buckets_count_instances(aws: Aws) -> None:
    throttle(aws, "ec2", "StartInstances", resources=True)
    assert code(refused(aws.ec2.start_instances, InstanceIds=aws.ids("web-01", "web-02", "web-03")))
    aws.ec2.start_instances(InstanceIds=aws.ids("web-01", "web-02"))
    assert code(refused(aws.ec2.start_instances, InstanceIds=aws.ids("web-01"))) == "RequestLimitExceeded"


def test_ec2s_real_figures(aws: Aws) -> None:
    aws.server.control("/lab/throttle", {"real": True})
    aws.server.control("/lab/time-scale", {"scale": 0.001})  # no refill meanwhile
    for _ in range(5):  # StartInstances: 5 at once, 2 per second
        aws.ec2.start_instances(InstanceIds=aws.ids("web-01"))
    assert code(refused(aws.ec2.start_instances, InstanceIds=aws.ids("web-01"))) == "RequestLimitExceeded"
    for _ in range(50):  # unfiltered and unpaged DescribeInstances: 50 at once
        aws.ec2.describe_instances()
    assert code(refused(aws.ec2.describe_instances)) == "RequestLimitExceeded"
    aws.ec2.describe_instances(MaxResults=1000)


def test_a_dropped_answer_was_a_carried_out_call(aws: Aws) -> None:
    name = aws.publish("true")
    aws.server.control("/lab/drop", {"operation": "SendCommand", "times": 1})
    with pytest.raises(HTTPClientError):
        aws.ssm.send_command(DocumentName=name, InstanceIds=aws.ids("web-01"), Comment="pp:lost")
    newest = aws.ssm.list_commands()["Commands"][0]
    assert newest["Comment"] == "pp:lost"
    entry = next(e for e in aws.server.control("/lab/log") if e["command_id"] == newest["CommandId"])
    assert (entry["operation"], entry["error"]) == ("SendCommand", "answer dropped")
    aws.ssm.send_command(DocumentName=name, InstanceIds=aws.ids("web-01"))  # once only


def test_the_log_tells_every_call(aws: Aws) -> None:
    since = aws.server.control("/lab/log")[-1]["seq"] if aws.server.control("/lab/log") else 0
    ids = aws.ids("web-01", "web-02")
    aws.ec2.create_tags(Resources=ids, Tags=[{"Key": "Seen", "Value": "yes & no"}])
    refused(aws.ec2.start_instances, InstanceIds=["i-0123456789abcdef0"])
    command_id = aws.send(ids, DocumentName=aws.publish("true"))
    aws.s3.put_object(Bucket="patch-portal-results", Key="a/b", Body=b"x")
    calls = aws.server.control(f"/lab/log?since={since}")
    tagged, started, *_, sent, put = [c for c in calls if "Document" not in c["operation"]]
    assert (tagged["operation"], tagged["instance_ids"]) == ("CreateTags", ids)
    assert (tagged["account"], tagged["region"], tagged["tags"]) == (PORTAL, REGION, {"Seen": "yes & no"})
    assert (started["operation"], started["error"]) == ("StartInstances", "InvalidInstanceID.NotFound")
    assert (sent["operation"], sent["instance_ids"]) == ("SendCommand", ids)
    assert (sent["command_id"], sent["error"]) == (command_id, "")
    assert (put["service"], put["operation"]) == ("s3", "PutObject")
    assert [c["seq"] for c in calls] == list(range(since + 1, since + 1 + len(calls)))


def test_what_the_lab_lacks_is_an_aws_error(aws: Aws) -> None:
    error = refused(aws.ssm.list_associations)
    assert (code(error), status(error)) == ("UnknownOperationException", 400)
    error = refused(aws.ec2.describe_capacity_blocks)
    assert (code(error), status(error)) == ("InvalidAction", 400)
    assert (
        code(refused(aws.ec2.run_instances, MinCount=1, MaxCount=1, ImageId="ami-1"))
        == "UnsupportedOperation"
    )


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/lab/fault", {"host": "web-01", "fault": "gremlins"}, "'gremlins' is no fault"),
        ("/lab/fault", {"host": "nobody", "fault": "hang"}, "0 hosts are called 'nobody'"),
        ("/lab/time-scale", {"scale": 0}, "must be a positive number"),
        ("/lab/credentials", {"account": PORTAL, "state": "lost"}, "ok, revoked, expired"),
        ("/lab/nothing", {}, "No POST /lab/nothing"),
    ],
)
def test_wrong_control_calls_are_told(aws: Aws, path: str, body: dict, sentence: str) -> None:
    with pytest.raises(ControlError, match=sentence):
        aws.server.control(path, body)


def test_hosts_are_listed_with_their_state(aws: Aws) -> None:
    aws.fault("web-01", "offline")
    host = next(host for host in aws.server.control("/lab/hosts") if host["name"] == "web-01")
    wanted = {"account": PORTAL, "region": REGION, "kind": "shim", "state": "running", "platform": "linux"}
    assert wanted.items() <= host.items()
    assert (host["agent"], host["faults"]) == ("offline", ["offline"])
    aws.server.control("/lab/reset", {})
    assert aws.ping("web-01") == "Online"


def took(call, **request) -> float:
    began = time.monotonic()
    call(**request)
    return time.monotonic() - began


def tags_of(aws: Aws, name: str) -> dict[str, str]:
    return next(host["tags"] for host in aws.server.control("/lab/hosts") if host["name"] == name)


def silence(aws: Aws, **body: object) -> None:
    aws.server.control("/lab/silence", body)


def test_a_silent_service_answers_late_in_its_place_alone(aws: Aws) -> None:
    silence(aws, service="ssm", region=REGION, seconds=0.5)
    try:
        assert took(aws.ssm.list_commands) >= 0.5
        assert took(aws.ec2.describe_instances) < 0.5  # another service
        assert took(aws.far.ssm.list_commands) < 0.5  # another region
    finally:
        silence(aws, off=True)
    assert took(aws.ssm.list_commands) < 0.5


def test_an_operation_may_be_silent_alone(aws: Aws) -> None:
    silence(aws, service="ec2", operation="CreateTags", account=PORTAL, seconds=0.5)
    try:
        assert took(aws.ec2.describe_instances) < 0.5
        call = {"Resources": aws.ids("web-01"), "Tags": [{"Key": "Late", "Value": "yes"}]}
        assert took(aws.ec2.create_tags, **call) >= 0.5
    finally:
        silence(aws, off=True)


def test_what_was_asked_in_silence_is_carried_out_before_its_answer(aws: Aws) -> None:
    silence(aws, service="ec2", operation="CreateTags", seconds=30)
    call = {"Resources": aws.ids("web-01"), "Tags": [{"Key": "Silent", "Value": "yes"}]}
    waiting = threading.Thread(target=aws.ec2.create_tags, kwargs=call)
    waiting.start()
    try:
        eventually(lambda: tags_of(aws, "web-01").get("Silent") == "yes")
        assert waiting.is_alive()
    finally:
        silence(aws, off=True)
        waiting.join()


def test_a_silence_needs_a_time(aws: Aws) -> None:
    with pytest.raises(ControlError, match="more than 0 seconds"):
        silence(aws, service="ssm", seconds=0)
