"""Golden facts 7, 8, 11 and 13 of the agent (facts/lab.md §3): time-outs, kills, restarts, the environment."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from lab.ssm.steps import timeout_of
from tests.contract.lab.fleet import Aws, eventually

ROOT = "$PATCH_PORTAL_ROOT"
REBOOT_ONCE = f"[ -e {ROOT}/{{0}} ] && exit 0; : >{ROOT}/{{0}}; exit 194"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (5, 5), ("5", 5), (172_800, 172_800), ("172800", 172_800), (60.7, 60),
        (4, 3600), (172_801, 3600), ("-1", 3600), ("an hour", 3600), ("60.7", 3600), (None, 3600), ([], 3600),
        (float("nan"), 3600), (float("inf"), 3600),
    ],
)  # fmt: skip
def test_fact_07_a_time_out_is_text_or_a_number_of_5_to_172800_else_an_hour(given: Any, seconds: int) -> None:
    assert timeout_of({"timeoutSeconds": given}) == seconds
    assert timeout_of({}) == 3600


def test_fact_07_the_whole_group_is_killed_and_no_trap_runs(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 4})
    script = f"""
        trap 'echo trapped; echo trapped >{ROOT}/trapped' TERM INT HUP EXIT
        (sleep 3; echo child >{ROOT}/child) &
        echo begun; sleep 60; echo never
    """
    name = aws.publish(script, timeoutSeconds="5")
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    assert (row["StatusDetails"], row["CommandPlugins"][0]["Output"]) == ("ExecutionTimedOut", "begun\n")
    time.sleep(2.5)
    assert aws.run("web-01", f"ls {ROOT}/trapped {ROOT}/child")["StandardOutputContent"] == ""


def test_fact_08_a_background_child_that_holds_stdout_holds_the_step_until_the_time_out(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 10})
    name = aws.publish("sleep 12 & echo done; exit 0", timeoutSeconds="8")
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    step = row["CommandPlugins"][0]
    assert (row["StatusDetails"], step["ResponseCode"], step["Output"]) == (
        "ExecutionTimedOut",
        137,
        "done\n",
    )
    took = step["ResponseFinishDateTime"] - step["ResponseStartDateTime"]
    assert took > timedelta(seconds=0.75)


def test_fact_08_a_child_with_its_output_elsewhere_does_not(aws: Aws) -> None:
    name = aws.publish("sleep 9 </dev/null >/dev/null 2>&1 & exit 0", timeoutSeconds="20")
    assert aws.run("web-01", DocumentName=name)["Status"] == "Success"


def test_fact_11_the_script_gets_the_agents_environment_and_nothing_else(aws: Aws) -> None:
    text = aws.run("web-01", "env")["StandardOutputContent"]
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    for name in ("PWD", "OLDPWD", "_", "SHLVL", "PATH", "PATCH_PORTAL_ROOT"):
        told.pop(name, None)
    assert set(told) == {
        "SSM_COMMAND_ID",
        "AWS_SSM_INSTANCE_ID",
        "AWS_SSM_REGION_NAME",
        "AWS_SSM_PLATFORM_NAME",
        "AWS_SSM_PLATFORM_VERSION",
    }
    assert (told["AWS_SSM_INSTANCE_ID"], told["AWS_SSM_REGION_NAME"]) == (aws.id("web-01"), "eu-central-1")


def test_fact_11_the_command_id_is_the_same_after_the_reboot(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 200})
    command_id = aws.send(aws.ids("web-02"), "echo $SSM_COMMAND_ID; " + REBOOT_ONCE.format("eleven"))
    output = aws.ended(command_id)[aws.id("web-02")]["CommandPlugins"][0]["Output"]
    assert output.split() == [command_id, command_id]


def test_fact_11_a_document_is_started_15_times_at_most(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 2000})
    name = aws.publish("exit 194", timeoutSeconds="172800")
    command_id = aws.send(aws.ids("web-03"), DocumentName=name)
    [invocation] = aws.server.world.commands._all[command_id].invocations.values()
    eventually(lambda: invocation.starts == 16, 60)  # the sixteenth was refused
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"


def test_fact_11_a_document_older_than_48_hours_is_not_resumed(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 60})
    marks = f"{ROOT}/old-runs"
    aws.keep_down("web-04")
    command_id = aws.send(aws.ids("web-04"), f"echo x >>{marks}; exit 194")
    eventually(lambda: aws.ping("web-04") == "ConnectionLost")
    command = aws.server.world.commands._all[command_id]
    command.requested -= timedelta(hours=49) / 60  # of the lab's clock
    aws.let_up("web-04")
    eventually(lambda: aws.ping("web-04") == "Online")
    assert aws.run("web-04", f"wc -l <{marks}")["StandardOutputContent"] == "1\n"
    assert aws.invocations(command_id)[0]["Status"] == "InProgress"


def test_fact_13_the_reboot_comes_after_a_minute(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 30})
    aws.keep_down("web-01")
    started = time.monotonic()
    aws.send(aws.ids("web-01"), REBOOT_ONCE.format("thirteen"))
    time.sleep(1)
    assert aws.ping("web-01") == "Online"
    eventually(lambda: aws.ping("web-01") == "ConnectionLost")
    assert 60 / 30 < time.monotonic() - started < 10  # the upper bound is for a busy machine
    aws.let_up("web-01")
    eventually(lambda: aws.ping("web-01") == "Online")
