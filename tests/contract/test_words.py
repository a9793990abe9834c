"""AWS's words as the product and as the simulated AWS write them: the same ones, and those that AWS's own model has."""

from __future__ import annotations

from enum import Enum, StrEnum

import botocore.session
import pytest

from aws import states
from aws.command_status import API, GUIDE, STATUSES, CommandStatus, Proves, is_over, proves, succeeded, told
from aws.power_refusals import REFUSALS
from lab.ssm import statuses as lab

SDK = botocore.session.get_session()


def modelled(service: str, shape: str) -> set[str]:
    return set(SDK.get_service_model(service).shape_for(shape).enum)


def test_product_and_lab_know_the_same_words_of_commands() -> None:
    assert {one.word for one in CommandStatus} == set(lab.Status)


def test_product_and_lab_agree_on_what_is_final() -> None:
    assert {word for word in STATUSES if is_over(word)} == lab.TERMINAL


def test_the_statuses_are_those_of_awss_model() -> None:
    assert modelled("ssm", "CommandInvocationStatus") == STATUSES
    assert modelled("ssm", "CommandStatus") <= STATUSES


@pytest.mark.parametrize(
    ("words", "service", "shape"),
    [
        (states.InstanceState, "ec2", "InstanceStateName"),
        (states.SnapshotState, "ec2", "SnapshotState"),
        (states.RootVolumeState, "ec2", "ReplaceRootVolumeTaskState"),
        (states.PingStatus, "ssm", "PingStatus"),
        (states.DocumentState, "ssm", "DocumentStatus"),
        (states.AlarmState, "cloudwatch", "StateValue"),
        (states.TargetHealth, "elbv2", "TargetHealthStateEnum"),
    ],
)
def test_every_other_word_is_one_of_awss_model(words: type[StrEnum], service: str, shape: str) -> None:
    assert {one.value for one in words} == modelled(service, shape)


def test_reasons_of_a_stop_are_those_of_awss_reference() -> None:
    told = SDK.get_service_model("ec2").shape_for("StateReason").members["Message"].documentation
    assert states.HIBERNATED in told
    assert states.SPOT_INTERRUPTED in told
    listed = {row.code for row in REFUSALS if row.code.startswith(("Client.", "Server."))}
    # People's logs alone have the first one: EC2's reference does not name it.
    assert {code for code in listed if code not in told} == {"Client.InvalidKMSKey.InvalidState"}


def test_every_list_of_words_is_compared() -> None:
    made = {one for one in vars(states).values() if isinstance(one, type) and issubclass(one, Enum)}
    assert len(made - {StrEnum}) == 7


@pytest.mark.parametrize("one", CommandStatus)
def test_every_word_says_its_meaning_and_where_aws_says_it(one: CommandStatus) -> None:
    assert one.sentence.endswith(".")
    assert one.source in {API, GUIDE}
    assert told(one.word) is told("", one.word) is told("Failed", one.word) is one
    assert proves("", one.word) is one.proves


def test_what_is_not_over_proves_nothing_and_only_a_success_is_one() -> None:
    open_ = [one for one in CommandStatus if not one.terminal]
    assert {one.proves for one in open_} == {Proves.MAY_HAVE_RUN}
    assert not any(is_over(one.word) or succeeded(one.word) for one in open_)
    assert [one for one in CommandStatus if succeeded(one.word)] == [CommandStatus.SUCCESS]


def test_details_alone_are_no_status_that_is_over() -> None:
    details = [one.word for one in CommandStatus if one.word not in STATUSES]
    assert details
    assert not any(map(is_over, details))


@pytest.mark.parametrize("word", ["", "Odd", "success"])
def test_a_word_that_nobody_knows_is_waited_for_and_may_have_run(word: str) -> None:
    assert told(word, word) is None
    assert proves(word, word) is Proves.MAY_HAVE_RUN
    assert not is_over(word)
    assert not succeeded(word)
