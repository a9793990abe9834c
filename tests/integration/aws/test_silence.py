"""What the session does where a service of AWS does not answer: it tells, and asks no more by itself."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from botocore.config import Config

from aws.calls import Retry
from aws.errors import AccessRefused, Silent, Unasked
from tests.integration.aws.conftest import (
    NO_INSTANCES,
    OTHER_ACCOUNT,
    PORTAL_ACCOUNT,
    REGION,
    ScriptedAws,
    a_send,
    ec2_error,
    make_cloud,
)


class Board:
    """Circuits in memory: what was asked of them and told to them."""

    def __init__(self, *, trial: bool = False, open_to: str = "all") -> None:
        self.trial, self.open_to = trial, open_to
        self.told: list[tuple[object, ...]] = []

    def admit(self, account_id: str, region: str, service: str, *, may_try: bool) -> bool:
        if self.open_to == "nobody" or (self.open_to == "trials" and not may_try):
            raise Unasked(f"{service} is silent.")
        return self.trial and service != "sts"

    def answered(self, account_id: str, region: str, service: str) -> None:
        self.told.append(("answered", account_id, region, service))

    def silent(self, account_id: str, region: str, service: str, *, trial: bool) -> None:
        self.told.append(("silent", account_id, region, service, trial))


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    short = property(
        lambda self: Config(
            retries={"mode": "standard", "total_max_attempts": self.value.attempts}, read_timeout=0.3
        )
    )
    monkeypatch.setattr(Retry, "config", short)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("trial", [False, True])
def test_silence_is_told_at_once_and_never_repeated(scripted: ScriptedAws, *, trial: bool) -> None:
    scripted.answers["DescribeInstances"] = lambda _: (time.sleep(1), NO_INSTANCES)[1]
    board = Board(trial=trial)
    with pytest.raises(Silent, match=f"did not answer DescribeInstances in account {OTHER_ACCOUNT}"):
        list(make_cloud(scripted.url, circuits=board).ec2(OTHER_ACCOUNT, REGION).describe_instances())
    assert scripted.count("DescribeInstances") == 1
    assert board.told == [("silent", OTHER_ACCOUNT, REGION, "ec2", trial)]


def test_nobody_listening_is_silence_too() -> None:
    board = Board()
    with pytest.raises(Silent):
        list(
            make_cloud("http://127.0.0.1:9", circuits=board).ec2(PORTAL_ACCOUNT, REGION).describe_instances()
        )
    assert board.told[0][0] == "silent"


@pytest.mark.parametrize("answer", [NO_INSTANCES, (403, ec2_error("UnauthorizedOperation", "No."))])
def test_any_answer_to_a_trial_is_an_answer(scripted: ScriptedAws, answer: object) -> None:
    scripted.answers["DescribeInstances"] = answer
    board = Board(trial=True)
    with suppress(AccessRefused):
        list(make_cloud(scripted.url, circuits=board).ec2(OTHER_ACCOUNT, REGION).describe_instances())
    assert board.told == [("answered", OTHER_ACCOUNT, REGION, "ec2")]


def test_what_is_silent_is_not_asked(scripted: ScriptedAws) -> None:
    ec2 = make_cloud(scripted.url, circuits=Board(open_to="nobody")).ec2(OTHER_ACCOUNT, REGION)
    with pytest.raises(Unasked):
        list(ec2.describe_instances())
    assert scripted.requests == []


def test_a_send_is_never_the_trial(scripted: ScriptedAws) -> None:
    """Systems Manager is tried with a question: a command whose answer is lost costs more."""
    cloud = make_cloud(scripted.url, circuits=Board(open_to="trials"))
    with pytest.raises(Unasked):
        cloud.ssm(OTHER_ACCOUNT, REGION).send_command(a_send())
    list(cloud.ssm(OTHER_ACCOUNT, REGION).managed_nodes())
    assert scripted.count("SendCommand") == 0
    assert scripted.count("DescribeInstanceInformation") == 1
