"""Golden facts 1-3 of the agent (facts/lab.md §3): how a step becomes a script, and parameters part of it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.ssm.interpolation import replaced
from lab.ssm.parameters import refusal
from tests.contract.lab.fleet import Aws, code, steps_of

OLD = "3.2.9999.0"  # the last before pasting became one pass
TEXT, LIST = {"type": "String"}, {"type": "StringList"}


def printed(aws: Aws, line: str, parameters: Any, **given: list[str]) -> str:
    """What a step of one line prints."""
    name = aws.publish(line, parameters=parameters)
    command_id = aws.send(aws.ids("web-01"), DocumentName=name, parameters=given)
    text: str = aws.ended(command_id)[aws.id("web-01")]["CommandPlugins"][0]["Output"]
    return text


def test_fact_01_lines_are_joined_into_one_script_of_sh(aws: Aws) -> None:
    found = aws.run("web-01", 'x=1\nif true; then\necho "$x $0"\nfi')
    assert found["StandardOutputContent"].startswith("1 /")
    assert found["StandardOutputContent"].strip().endswith("/_script.sh")


def test_fact_01_a_first_line_with_a_shebang_chooses_the_interpreter(aws: Aws) -> None:
    assert aws.run("web-01", "#!/usr/bin/tail -n1\na\nlast")["StandardOutputContent"] == "last"
    bash = aws.run("web-01", "#!/bin/bash\na=(1 2); echo ${#a[@]}")
    assert bash["StandardOutputContent"] == "2\n"


def test_fact_02_a_value_is_pasted_as_text_and_the_shell_expands_it(aws: Aws) -> None:
    assert printed(aws, "echo {{ P }}{{P}}", {"P": TEXT}, P=["$(echo ran)"]) == "ranran\n"


def test_fact_02_two_dollars_within_text_become_one(aws: Aws) -> None:
    assert printed(aws, "echo 'a {{ P }}'", {"P": TEXT}, P=["5$$"]) == "a 5$\n"


def test_fact_02_a_list_within_text_becomes_json(aws: Aws) -> None:
    assert printed(aws, "echo 'x {{ P }}'", {"P": LIST}, P=["a", "b c"]) == 'x ["a","b c"]\n'


def test_fact_02_a_list_alone_gives_its_lines(aws: Aws) -> None:
    assert printed(aws, "{{ P }}", {"P": LIST}, P=["echo $$ >/dev/null", "echo two"]) == "two\n"


def test_fact_02_an_unknown_place_stays(aws: Aws) -> None:
    assert printed(aws, "echo '{{ Nobody }} {{ P }}'", {"P": TEXT}, P=["x"]) == "{{ Nobody }} x\n"


@pytest.mark.parametrize("name", ["With-Dash", "under_score", "dot.ted", ""])
def test_fact_02_names_are_letters_and_digits(aws: Aws, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        aws.publish("true", name="Names", parameters={name: TEXT})
    assert code(caught.value) == "InvalidDocumentContent"
    place = "a {{ " + name + " }}"
    assert replaced(place, {name: "pasted"}) == place


@pytest.mark.parametrize(
    ("value", "pasted"),
    [
        ("$$", "$"),
        ("$$$$", "$$"),
        ("$(id)", "$(id)"),
        ("a$", "a$"),
        ("$HOME.", "."),
        ("${HOME}", ""),
        ("$0", "{{P}}"),
    ],
)
def test_fact_02_marks_in_a_value_are_read_by_the_replacement_of_old_agents(value: str, pasted: str) -> None:
    """Source: parameters.go pastes with ReplaceAllString, which reads `$name` as a group that is not there."""
    assert replaced("<{{P}}>", {"P": value}, OLD) == f"<{pasted}>"
    assert replaced("{{ P }}", {"P": value}, OLD) == value  # a place alone is the value itself


@pytest.mark.parametrize(
    ("about", "value"),
    [({"allowedPattern": "^[0-9]+$"}, "X=9; echo injected"), ({"allowedValues": ["all"]}, "some")],
)
def test_fact_02_the_agent_refuses_a_value_before_any_step_runs(aws: Aws, about: Any, value: str) -> None:
    """The service cannot see what Parameter Store holds; the agent can, and checks it itself."""
    aws.ssm.put_parameter(Name="stored", Value=value, Type="String", Overwrite=True)
    mark = 'echo ran >"$PATCH_PORTAL_ROOT/ran"; echo {{ P }}'
    name = aws.publish(mark, parameters={"P": {**TEXT, **about}})
    command_id = aws.send(aws.ids("web-01"), DocumentName=name, parameters={"P": ["{{ssm:stored}}"]})
    row = aws.ended(command_id)[aws.id("web-01")]
    assert row["Status"] == "Failed"
    assert row["TraceOutput"].startswith("Parameter P: the value ")
    assert row["CommandPlugins"][0]["Output"] == ""
    assert aws.run("web-01", 'ls "$PATCH_PORTAL_ROOT/ran"')["Status"] == "Failed"


def test_fact_02_a_stored_value_that_fits_is_pasted(aws: Aws) -> None:
    aws.ssm.put_parameter(Name="stored", Value="17", Type="String", Overwrite=True)
    about = {"P": {**TEXT, "allowedPattern": "^[0-9]+$"}}
    assert printed(aws, "echo {{ P }}", about, P=["{{ ssm:stored }}"]) == "17\n"


@pytest.mark.parametrize(("value", "fits"), [("12", True), ("12\n", False), ("1a", False), ("", False)])
def test_fact_02_the_end_of_a_pattern_is_the_end_of_the_value(value: str, fits: bool) -> None:
    """Python's own `$` would let a line break through, and with it a second line of script."""
    assert (refusal("P", {"allowedPattern": "^[0-9]+$"}, value) == "") is fits
    assert refusal("P", {"allowedPattern": r"^[$\]]\$$"}, "]$") == ""


def test_fact_03_env_var_arrives_in_the_environment_and_is_not_pasted(aws: Aws) -> None:
    parameters = {"P": {**TEXT, "interpolationType": "ENV_VAR"}}
    found = printed(aws, """printf '%s|%s' "$SSM_P" '{{ P }}'""", parameters, P=["$(id -u) $$ 'x"])
    assert found == "$(id -u) $$ 'x|{{ P }}"


def test_fact_03_an_older_agent_ignores_it_and_pastes(aws: Aws) -> None:
    parameters = {"P": {**TEXT, "interpolationType": "ENV_VAR"}}
    name = aws.publish('echo "${SSM_P-absent} {{ P }}"', parameters=parameters)
    rows = aws.ended(aws.send(aws.ids("web-01", "old"), DocumentName=name, parameters={"P": ["v"]}))
    told = {key: row["CommandPlugins"][0]["Output"] for key, row in rows.items()}
    assert told == {aws.id("web-01"): "v {{ P }}\n", aws.id("old"): "absent v\n"}


def test_fact_03_the_documented_fallback_works_with_both(aws: Aws) -> None:
    parameters = {"P": {**TEXT, "interpolationType": "ENV_VAR", "allowedPattern": "^[a-z]+$"}}
    script = '[ -z "${SSM_P+x}" ] && SSM_P=\'{{P}}\'\necho "$SSM_P"'
    name = aws.publish(script, parameters=parameters)
    rows = aws.ended(aws.send(aws.ids("web-01", "old"), DocumentName=name, parameters={"P": ["v"]}))
    assert {row["CommandPlugins"][0]["Output"] for row in rows.values()} == {"v\n"}


def test_fact_03_interpolation_type_knows_one_word(aws: Aws) -> None:
    with pytest.raises(ClientError) as caught:
        aws.publish("true", name="Wrong", parameters={"P": {**TEXT, "interpolationType": "env"}})
    assert code(caught.value) == "InvalidDocumentContent"


def test_parameters_fill_every_input_not_the_script_alone(aws: Aws) -> None:
    content = {"P": {**TEXT, "default": "5"}}
    name = aws.publish("sleep 9", parameters=content, timeoutSeconds="{{ P }}")
    row = aws.ended(aws.send(aws.ids("web-01"), DocumentName=name))[aws.id("web-01")]
    assert row["StatusDetails"] == "ExecutionTimedOut"
    aws.server.control("/lab/time-scale", {"scale": 1})
    assert (
        steps_of(aws, "web-01", aws_run_shell_script(), parameters={"commands": ["echo a", "echo b"]})[0][
            "Output"
        ]
        == "a\nb\n"
    )


def aws_run_shell_script() -> str:
    """The shape of AWS-RunShellScript: the list of lines is one place."""
    return """
schemaVersion: "2.2"
parameters: {commands: {type: StringList}}
mainSteps: [{action: "aws:runShellScript", name: one, inputs: {runCommand: "{{ commands }}"}}]
"""
