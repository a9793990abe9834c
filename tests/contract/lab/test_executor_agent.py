"""Golden facts of the agent added on 2026-11-28 (facts/lab.md §3): patterns, pasting, codes, doubles, ids."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab.delays import Delays
from lab.ssm.interpolation import replaced
from lab.ssm.patterns import Uncompilable, compiled
from tests.contract.lab.fleet import Aws, eventually

ROOT = "$PATCH_PORTAL_ROOT"


def traced(aws: Aws, pattern: str, **about: Any) -> dict[str, Any]:
    """The invocation of a document that has a parameter with this pattern."""
    parameters = {"P": {"type": "String", "default": "", "allowedPattern": pattern, **about}}
    name = aws.publish(f"echo ran >>{ROOT}/pattern-ran", parameters=parameters)
    return aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("^[a-z]{0,2000}$", "invalid repeat count: `{0,2000}`"),
        ("^([a-z]{0,100}){0,100}$", "invalid repeat count"),
        ("^(?=a)a?$", "invalid or unsupported Perl syntax: `(?=`"),
    ],
)
def test_fact_14_a_pattern_that_re2_refuses_fails_the_document_before_any_step(
    aws: Aws, pattern: str, words: str
) -> None:
    """Default values included; the service itself takes such a document."""
    row = traced(aws, pattern, default="a")
    assert row["Status"] == "Failed"
    assert words in row["TraceOutput"]
    assert aws.run("web-01", f"cat {ROOT}/pattern-ran")["ResponseCode"] == 1


def test_fact_14_two_halves_of_a_thousand_are_one_pattern_of_two_thousand() -> None:
    halves = compiled("^[a-z]{0,1000}[a-z]{0,1000}$")
    assert halves.search("a" * 2_000)
    assert not halves.search("a" * 2_001)
    assert not halves.search("a\n")
    with pytest.raises(Uncompilable, match=r"invalid repeat count: `\{0,1001\}`"):
        compiled("a{0,1001}")


def test_fact_14_the_agent_compiles_with_re2_what_python_reads_otherwise(aws: Aws) -> None:
    """`$` is the end of the text alone, and there are no back-references."""
    assert "invalid" in traced(aws, r"^(a)\\1$".replace("\\\\", "\\"), default="aa")["TraceOutput"]


@pytest.mark.parametrize(
    ("value", "pasted"),
    [
        ("{{ Q }}", "{{ Q }}"),
        ("$$", "$"),
        ("$$$$", "$$"),
        ("$0 $HOME ${HOME}", "$0 $HOME ${HOME}"),
        ("a$", "a$"),
    ],
)
def test_fact_14_pasting_is_one_pass_and_only_two_dollars_become_one(value: str, pasted: str) -> None:
    given = {"P": value, "Q": "never"}
    assert replaced("<{{ P }}|{{Q}}>", given) == f"<{pasted}|never>"
    assert replaced("<{{ P }}|{{Q}}>", given, "3.2.9999.0") != f"<{pasted}|never>" or value in (
        "$$",
        "$$$$",
        "a$",
    )


@pytest.mark.parametrize(("signal", "name"), [("KILL", "killed"), ("TERM", "terminated")])
def test_fact_14_a_script_that_somebody_kills_has_code_minus_one(aws: Aws, signal: str, name: str) -> None:
    # with the shell that the agent started it through
    found = aws.run("web-01", f"echo begun; kill -{signal} $PPID $$; sleep 5")
    assert (found["StatusDetails"], found["ResponseCode"]) == ("Failed", -1)
    assert found["StandardErrorContent"] == f"failed to run commands: signal: {name}"


def test_fact_14_a_failed_step_tells_its_code_below_its_errors(aws: Aws) -> None:
    found = aws.run("web-01", "printf oops >&2; exit 7")
    assert found["StandardErrorContent"] == "oopsfailed to run commands: exit status 7"
    assert aws.run("web-01", "printf fine >&2")["StandardErrorContent"] == "fine"


def test_fact_14_the_same_command_id_twice_runs_once_and_answers_once(aws: Aws) -> None:
    aws.fault("web-02", "delivered_twice")
    command_id = aws.send(aws.ids("web-02"), f"echo x >>{ROOT}/doubles; wc -l <{ROOT}/doubles")
    row = aws.ended(command_id)[aws.id("web-02")]
    time.sleep(0.3)
    assert row["CommandPlugins"][0]["Output"] == "1\n"
    [invocation] = aws.server.world.commands._all[command_id].invocations.values()
    assert invocation.starts == 1
    assert aws.run("web-02", f"wc -l <{ROOT}/doubles")["StandardOutputContent"] == "1\n"


def test_fact_14_an_old_agent_tells_no_command_id_and_every_path_holds_it(aws: Aws) -> None:
    script = 'echo "[${SSM_COMMAND_ID:-}] [$AWS_SSM_INSTANCE_ID] $0"'
    for host, told in (("oldest", False), ("web-01", True)):
        command_id = aws.send(aws.ids(host), script)
        name, instance, path = aws.ended(command_id)[aws.id(host)]["CommandPlugins"][0]["Output"].split()
        assert (name, instance) == (f"[{command_id if told else ''}]", f"[{aws.id(host)}]")
        assert path.endswith(f"/{aws.id(host)}/document/orchestration/{command_id}/step1/_script.sh")


def tool(seconds: float, name: str) -> str:
    """A package tool under `timeout`, which gives it a process group of its own."""
    return own_group(f"sleep {seconds}; echo done >{ROOT}/{name}")


def own_group(script: str) -> str:
    return f"timeout 60 sh -c '{script}' </dev/null >/dev/null 2>&1"


def test_fact_14_a_cancel_kills_the_script_and_its_tool_works_on(aws: Aws) -> None:
    command_id = aws.send(aws.ids("web-03"), f": >{ROOT}/begun; {tool(1.5, 'tool')}; echo never")
    eventually(lambda: "begun" in aws.run("web-03", f"ls {ROOT}")["StandardOutputContent"])
    aws.ssm.cancel_command(CommandId=command_id)
    row = aws.ended(command_id, 1.2)[aws.id("web-03")]
    step = row["CommandPlugins"][0]
    assert (row["StatusDetails"], step["ResponseCode"], step["Output"]) == ("Cancelled", 137, "")
    assert "tool" not in aws.run("web-03", f"ls {ROOT}")["StandardOutputContent"].split()
    eventually(lambda: "tool" in aws.run("web-03", f"ls {ROOT}")["StandardOutputContent"].split(), 5)


def test_fact_14_so_does_a_time_out(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 10})
    name = aws.publish(f"echo begun; {tool(1.5, 'late')}; echo never", timeoutSeconds="5")
    row = aws.ended(aws.send(aws.ids("web-03"), DocumentName=name))[aws.id("web-03")]
    assert (row["StatusDetails"], row["CommandPlugins"][0]["Output"]) == ("ExecutionTimedOut", "begun\n")
    eventually(lambda: "late" in aws.run("web-03", f"ls {ROOT}")["StandardOutputContent"].split(), 5)


def test_fact_14_what_outlived_its_script_ends_with_the_power(aws: Aws) -> None:
    haunts = f"until [ -e {ROOT}/call ]; do sleep 0.1; done; : >{ROOT}/ghost"
    command_id = aws.send(aws.ids("web-04"), f": >{ROOT}/up; {own_group(haunts)}")
    eventually(lambda: "up" in aws.run("web-04", f"ls {ROOT}")["StandardOutputContent"].split())
    aws.ssm.cancel_command(CommandId=command_id)
    aws.ended(command_id, 1.2)
    aws.ec2.stop_instances(InstanceIds=aws.ids("web-04"))
    eventually(lambda: aws.state("web-04") == "stopped")
    aws.ec2.start_instances(InstanceIds=aws.ids("web-04"))
    eventually(lambda: aws.ping("web-04") == "Online")
    listed = aws.run("web-04", f": >{ROOT}/call; sleep 0.5; ls {ROOT}")["StandardOutputContent"].split()
    assert ("up" in listed, "call" in listed, "ghost" in listed) == (True, True, False)


def test_fact_14_a_full_disk_where_the_agent_lives_loses_the_output(aws: Aws) -> None:
    aws.fault("web-01", "agent_disk_full")
    begun = time.monotonic()
    found = aws.run("web-01", "echo spoken; exit 0")
    assert (found["StatusDetails"], found["StandardOutputContent"]) == ("Failed", "")
    assert time.monotonic() - begun >= 65 / 40  # the scale of this lab
    assert Delays().agent_dies_s == 65


def test_fact_14_a_bucket_out_of_reach_makes_the_answer_half_a_minute_late(aws: Aws) -> None:
    assert Delays().upload_give_up_s == 30
    aws.fault("web-02", "results_unreachable")
    begun = time.monotonic()
    found = aws.run("web-02", "echo x", OutputS3BucketName="patch-portal-results")
    assert (found["Status"], found["StandardOutputContent"]) == ("Success", "x\n")
    assert time.monotonic() - begun >= 30 / 40
