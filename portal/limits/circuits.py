"""Services that do not answer in a place (an account in a region), as all workers see it: in Redis, by Redis's clock.

A circuit opens at the first call without an answer. From then on nothing is asked there but a trial now and then, by
one caller alone; the first trial that has an answer closes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import redis
import structlog

from aws.errors import Unasked

log = structlog.get_logger(__name__)
KEY = "circuits"  # a hash: one field for each open circuit, so that the closed ones, nearly all, cost nothing
# From a silence to the next trial: twice as long after each that fails.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10, 60
TRIAL_S = 15  # longer than any trial waits: another caller may try when its worker has died
FORGOTTEN_S = 86_400  # nobody has asked that place for so long
CLOSED, ON_TRIAL = 0, 1
WORDS = {
    "cloudwatch": "CloudWatch",
    "ec2": "EC2",
    "elbv2": "Elastic Load Balancing",
    "s3": "S3",
    "sqs": "SQS",
    "ssm": "Systems Manager",
    "sts": "STS",
}

NOW = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local held = redis.call('HGET', KEYS[1], ARGV[1])
local circuit = held and cjson.decode(held)
"""
# ARGV: place, 1 where the call may be a trial, seconds of a trial. Returns closed, on trial, or since when it is open.
ADMIT = f"""{NOW}
if not held then return {{{CLOSED}, ''}} end
if ARGV[2] == '1' and at >= circuit.try_at then
  circuit.try_at = at + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(circuit))
  return {{{ON_TRIAL}, ''}}
end
return {{-1, tostring(circuit.since)}}
"""
# ARGV: place, 1 for a trial, first and longest pause. Others that were under way when it opened say nothing new.
OPEN = f"""{NOW}
if not held then
  circuit = {{since = at, failed = 0, try_at = at + tonumber(ARGV[3])}}
elseif ARGV[2] == '1' then
  circuit.failed = circuit.failed + 1
  circuit.try_at = at + math.min(tonumber(ARGV[3]) * 2 ^ circuit.failed, tonumber(ARGV[4]))
else
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(circuit))
return held and 0 or 1
"""


@dataclass(frozen=True)
class OpenCircuit:
    """One service that does not answer in one place; `account_id` is "portal" for the portal's own calls."""

    account_id: str
    region: str
    service: str
    since: datetime
    try_at: datetime
    failed: int  # trials without an answer

    @property
    def word(self) -> str:
        return word_of(self.service)


def word_of(service: str) -> str:
    return WORDS.get(service, service)


class SharedCircuits:
    """`aws.silence.Circuits` on Redis. Without Redis each call waits for its own time-out, which the log tells."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._admit, self._open = client.register_script(ADMIT), client.register_script(OPEN)

    def admit(self, account_id: str, region: str, service: str, *, may_try: bool) -> bool:
        """True: this call is the trial. Raises Unasked while the circuit is open."""
        try:
            args: list[str | int] = [_field(account_id, region, service), int(may_try), TRIAL_S]
            state, since = self._admit(keys=[KEY], args=args)
        except redis.RedisError as error:
            log.error("circuits_unreachable", error=str(error))
            return False
        if int(state) < CLOSED:
            raise _unasked(account_id, region, service, _instant(float(since)))
        return int(state) == ON_TRIAL

    def answered(self, account_id: str, region: str, service: str) -> None:
        """Closes it."""
        try:
            self._client.hdel(KEY, _field(account_id, region, service))
        except redis.RedisError as error:  # the next trial closes it
            log.error("circuits_unreachable", error=str(error))
        log.warning("circuit_closed", account=account_id, region=region, service=service)

    def silent(self, account_id: str, region: str, service: str, *, trial: bool) -> None:
        """Opens it, or puts its next trial off."""
        place = _field(account_id, region, service)
        args: list[str | int] = [place, int(trial), FIRST_PAUSE_S, LONGEST_PAUSE_S]
        try:
            if self._open(keys=[KEY], args=args):
                log.warning("circuit_opened", account=account_id, region=region, service=service)
        except redis.RedisError as error:
            log.error("circuits_unreachable", error=str(error))

    def open(self) -> list[OpenCircuit]:
        """All that are open, longest first; those that nobody has tried for a day are dropped. Raises RedisError."""
        found = cast("dict[bytes, bytes]", self._client.hgetall(KEY))
        circuits = [_circuit(field.decode(), json.loads(value)) for field, value in found.items()]
        seconds, _ = self._client.time()
        old = [row for row in circuits if row.try_at.timestamp() < seconds - FORGOTTEN_S]
        for row in old:
            self._client.hdel(KEY, _field(row.account_id, row.region, row.service))
        return sorted((row for row in circuits if row not in old), key=lambda row: row.since)


def _field(account_id: str, region: str, service: str) -> str:
    return f"{account_id}|{region}|{service}"


def _circuit(field: str, held: dict[str, float]) -> OpenCircuit:
    account_id, region, service = field.split("|")
    return OpenCircuit(
        account_id, region, service, _instant(held["since"]), _instant(held["try_at"]), int(held["failed"])
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _unasked(account_id: str, region: str, service: str, since: datetime) -> Unasked:
    return Unasked(
        f"{word_of(service)} of account {account_id} in {region} has not answered since {since:%H:%M:%S} UTC; nothing "
        "is asked of it until a trial has an answer.",
        code="CircuitOpen",
    )
