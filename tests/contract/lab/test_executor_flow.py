"""Golden facts 4-6 of the agent (facts/lab.md §3): which steps run, and what the document's status is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lab.ssm.agent import outcome
from lab.ssm.commands import Invocation, StepResult
from lab.ssm.preconditions import verdict
from tests.contract.lab.fleet import Aws, document, many, steps_of

SKIPPED = "skipped due to prior step with an exit condition"
EXIT, FORGIVEN = {"onFailure": "exit"}, {"onFailure": "successAndExit"}


def ran(steps: list[dict[str, Any]]) -> list[str]:
    """What each step printed; `-` for a step that was skipped."""
    outputs = [step["Output"].partition("\n----------ERROR")[0] for step in steps]
    return ["-" if output.endswith(SKIPPED) else output.strip() for output in outputs]


def with_precondition(*wanted: str) -> str:
    body = yaml.safe_load(document("echo one", "echo two"))
    body["mainSteps"][0]["precondition"] = {"StringEquals": list(wanted)}
    return yaml.safe_dump(body)


@pytest.mark.parametrize("wanted", [("platformType", "linux"), ("LINUX", "platformType")])
def test_fact_04_a_precondition_compares_without_case_and_in_either_order(aws: Aws, wanted: Any) -> None:
    assert ran(steps_of(aws, "web-01", with_precondition(*wanted))) == ["one", "two"]


def test_fact_04_unmet_means_skipped_with_code_0_and_counts_as_success(aws: Aws) -> None:
    first, second = steps_of(aws, "web-01", with_precondition("platformType", "Windows"))
    assert (first["Status"], first["ResponseCode"], first["whole"]) == ("Success", 0, "Success")
    assert first["Output"] == (
        "Step execution skipped due to unsatisfied preconditions: "
        "'\"StringEquals\": [platformType, Windows]'. Step name: step1"
    )
    assert second["Output"] == "two\n"


def test_fact_04_no_precondition_is_no_condition() -> None:
    assert verdict({"name": "a"}, "Linux", {}) == ("", "")


@pytest.mark.parametrize(
    ("condition", "kind", "word"),
    [
        ({"StringEquals": ["platformType", "Windows"]}, "skip", "[platformType, Windows]"),
        ({"StringNotEquals": ["platformType", "Linux"]}, "fail", "unrecognized operator"),
        ({"StringEquals": ["platformType"]}, "fail", "exactly 2 arguments"),
        ({"StringEquals": ["platformType", "platformType"]}, "fail", "identical"),
        ({"StringEquals": ["a", "b"]}, "fail", "valid document parameter"),
        ({"StringEquals": ["{{ P }}", "on"]}, "", ""),
        ({"StringEquals": ["{{ P }}", "ON"]}, "skip", "{{ P }}"),
    ],
)
def test_fact_04_only_string_equals_of_two_arguments_is_known(condition: Any, kind: str, word: str) -> None:
    found = verdict({"name": "a", "precondition": condition}, "Linux", {"P": "on"})
    assert (found[0], word in found[1]) == (kind, True)


def test_fact_04_what_the_agent_does_not_know_fails_the_step(aws: Aws) -> None:
    body = yaml.safe_load(document("echo one", "echo two"))
    body["mainSteps"][0]["precondition"] = {"Unknown": ["a", "b"]}
    first, second = steps_of(aws, "web-01", yaml.safe_dump(body))
    assert (first["Status"], first["whole"], second["Output"]) == ("Failed", "Failed", "two\n")


def test_fact_05_a_failed_step_does_not_stop_the_next(aws: Aws) -> None:
    steps = steps_of(aws, "web-01", document("echo one; exit 3", "echo two"))
    assert ran(steps) == ["one", "two"]
    assert [step["Status"] for step in steps] == ["Failed", "Success"]
    assert (steps[0]["ResponseCode"], steps[0]["whole"]) == (3, "Failed")


def test_fact_05_a_step_that_timed_out_does_not_stop_the_next(aws: Aws) -> None:
    steps = steps_of(aws, "web-01", many(("sleep 60", {"timeoutSeconds": 5}), ("echo two", {})))
    assert [step["StatusDetails"] for step in steps] == ["ExecutionTimedOut", "Success"]


def test_fact_05_a_time_out_is_no_failure_for_on_failure(aws: Aws) -> None:
    """Source: runpluginutil.go compares with the status Failed alone."""
    steps = steps_of(aws, "web-01", many(("sleep 60", {**EXIT, "timeoutSeconds": 5}), ("echo two", {})))
    assert [step["whole"] for step in steps] == ["TimedOut", "TimedOut"]
    assert ran(steps)[1] == "two"


def test_fact_05_on_failure_outside_inputs_is_ignored(aws: Aws) -> None:
    body = yaml.safe_load(document("exit 1", "echo two"))
    body["mainSteps"][0]["onFailure"] = "exit"
    assert ran(steps_of(aws, "web-01", yaml.safe_dump(body)))[1] == "two"


def test_fact_05_on_failure_exit_in_inputs_skips_the_rest(aws: Aws) -> None:
    steps = steps_of(aws, "web-01", many(("exit 1", EXIT), ("echo two", {}), ("echo three", {})))
    assert ran(steps)[1:] == ["-", "-"]
    assert [step["Status"] for step in steps] == ["Failed", "Success", "Success"]
    assert steps[0]["whole"] == "Failed"


def test_fact_05_success_and_exit_forgives_and_skips_the_rest(aws: Aws) -> None:
    steps = steps_of(aws, "web-01", many(("exit 1", FORGIVEN), ("echo two", {})))
    assert ran(steps)[1] == "-"
    assert (steps[0]["Status"], steps[0]["ResponseCode"], steps[0]["whole"]) == ("Success", 168, "Success")


@pytest.mark.parametrize("modifier", ["Exit", "stop", 1, True])
def test_fact_05_other_words_are_no_modifier(aws: Aws, modifier: object) -> None:
    steps = steps_of(aws, "web-01", many(("exit 1", {"onFailure": modifier}), ("echo two", {})))
    assert ran(steps)[1] == "two"


def test_fact_05_on_success_exit_skips_the_rest(aws: Aws) -> None:
    steps = steps_of(aws, "web-01", many(("true", {"onSuccess": "exit"}), ("echo two", {})))
    assert ran(steps)[1] == "-"


@pytest.mark.parametrize(("exit_code", "status"), [(168, "Success"), (169, "Failed")])
def test_fact_05_exit_168_and_169_skip_the_rest(aws: Aws, exit_code: int, status: str) -> None:
    steps = steps_of(aws, "web-01", document(f"echo out; echo err >&2; exit {exit_code}", "echo two"))
    assert (steps[0]["Status"], steps[0]["ResponseCode"], steps[0]["whole"]) == (status, exit_code, status)
    assert ran(steps)[1] == "-"


@pytest.mark.parametrize(("exit_code", "stderr"), [(168, False), (169, True)])
def test_fact_05_the_agent_adds_its_own_words(aws: Aws, exit_code: int, stderr: bool) -> None:
    found = aws.run("web-01", f"echo out; echo err >&2; exit {exit_code}")
    words = f"Step exited with code {exit_code}. Therefore, marking step as "
    assert found["StandardOutputContent"].startswith(f"out\n\n{words}")
    assert (words in found["StandardErrorContent"], "err" in found["StandardErrorContent"]) == (
        stderr,
        stderr,
    )


@pytest.mark.parametrize("value", [True, "true"])
def test_fact_05_a_last_finally_step_always_runs(aws: Aws, value: object) -> None:
    steps = steps_of(
        aws, "web-01", many(("exit 169", {}), ("echo two", {}), ("echo last", {"finallyStep": value}))
    )
    assert ran(steps)[1:] == ["-", "last"]


def test_fact_05_a_finally_step_that_is_not_the_last_is_an_ordinary_one(aws: Aws) -> None:
    steps = steps_of(
        aws, "web-01", many(("exit 1", EXIT), ("echo two", {"finallyStep": True}), ("echo last", {}))
    )
    assert ran(steps)[1:] == ["-", "-"]


def ends(*statuses: str) -> Invocation:
    steps = [StepResult(str(i), "a", status, status) for i, status in enumerate(statuses)]
    return Invocation("i-1", "", steps, requested=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (("Success", "Success"), "Success"),
        (("Cancelled", "Success"), "Cancelled"),
        (("Cancelled", "TimedOut"), "TimedOut"),
        (("TimedOut", "Failed", "Cancelled"), "Failed"),
    ],
)
def test_fact_06_failed_outweighs_timed_out_outweighs_cancelled(statuses: Any, whole: str) -> None:
    assert outcome(ends(*statuses))[0] == whole


def test_fact_06_a_reboot_outweighs_an_earlier_failure_and_the_failure_stays(aws: Aws) -> None:
    """SuccessAndReboot comes first: the host restarts, the failed step is not run again, the document has failed."""
    aws.server.control("/lab/time-scale", {"scale": 60})
    root = "$PATCH_PORTAL_ROOT"
    again = f"[ -e {root}/six ] && echo resumed && exit 0; : >{root}/six; exit 194"
    content = document(f"echo x >>{root}/first; exit 1", again, f"wc -l <{root}/first")
    name = aws.publish_text(content, "Reboots")
    aws.keep_down("web-04")
    command_id = aws.send(aws.ids("web-04"), DocumentName=name)
    aws.let_up("web-04")
    row = aws.ended(command_id)[aws.id("web-04")]
    assert row["Status"] == "Failed"
    failed, *others = [step["Output"] for step in row["CommandPlugins"]]
    assert failed.endswith("failed to run commands: exit status 1")
    assert others == ["resumed\n", "1\n"]


@pytest.mark.parametrize(
    ("exit_code", "told"), [(0, "Success"), (1, "Failed"), (137, "Failed"), (195, "Failed"), (255, "Failed")]
)
def test_fact_06_only_0_is_good_and_a_137_of_its_own_is_a_failure(
    aws: Aws, exit_code: int, told: str
) -> None:
    found = aws.run("web-01", f"exit {exit_code}")
    assert (found["ResponseCode"], found["StatusDetails"]) == (exit_code, told)


def test_fact_06_a_killed_step_has_code_137(aws: Aws) -> None:
    name = aws.publish("sleep 60", timeoutSeconds="5")
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    assert (row["CommandPlugins"][0]["ResponseCode"], row["StatusDetails"]) == (137, "ExecutionTimedOut")
