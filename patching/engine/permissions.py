"""What AWS allows a run while it works: each call of a look is noted, and a right that is missing becomes a hindrance.

A kind of call that worked anywhere in its place during the look is not missing: what AWS then refused concerned single
hosts, whose own rows tell it. Starts and stops are judged where they are made, since they often concern single hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from aws.errors import AccessRefused, CloudError
from aws.ports import Alarms, BucketSettings, Cloud, Ec2, Entrance, Identity, ObjectStore, Ssm, TargetGroups
from patching.models.hindrances import PLACE
from patching.operations.hindrances import Refusal
from patching.policy.waking import Place
from portal.isolation import sentence

NO_BUCKET = "NoSuchBucket"
# A method of aws.ports → what a run cannot do without it.
CANNOT = {
    "describe": "Servers cannot be looked at",
    "create_tags": "Tags cannot be written",
    "delete_tags": "Tags cannot be taken away",
    "create_snapshot": "Snapshots cannot be taken",
    "managed_nodes": "Agents cannot be looked at",
    "publish_document": "Documents cannot be published",
    "send_command": "Commands cannot be sent",
    "list_commands": "Commands cannot be looked up",
    "list_invocations": "Results cannot be collected",
    "get_invocation": "Long results cannot be collected",
    "states": "Alarms cannot be read",
    "health": "Target groups cannot be read",
}


@dataclass
class Noted:
    """The calls of one look. Hands of a crew write it side by side, each entry in one step."""

    worked: set[str] = field(default_factory=set)  # subjects
    refused: dict[str, Refusal] = field(default_factory=dict)
    bucket_in_doubt: bool = False
    answers: int = 0  # calls that AWS carried out

    def missing(self) -> list[Refusal]:
        return [found for subject, found in dict(self.refused).items() if subject not in self.worked]

    def is_missing(self, error: CloudError) -> bool:
        """Whether this very refusal is told as a missing right."""
        return any(found.sentence == sentence(error) for found in self.missing())

    def of_place(self, place: Place, name: str, error: CloudError | None) -> None:
        subject = f"{PLACE} {' '.join(place)} {name}"
        if error is None:
            self.worked.add(subject)
            self.answers += 1
        elif isinstance(error, AccessRefused) and name in CANNOT:
            title = f"{CANNOT[name]} in account {place[0]}, {place[1]}"
            self.refused[subject] = Refusal(subject, title, sentence(error))

    def of_bucket(self, name: str, error: CloudError | None) -> None:
        """A host may shut the portal out of single objects of its own, so a trial has to judge the bucket."""
        if error is None:
            self.answers += 1
        elif isinstance(error, AccessRefused) or error.code == NO_BUCKET:
            self.bucket_in_doubt = True


@dataclass(frozen=True)
class Watched:
    """`aws.ports.Cloud` whose calls are noted."""

    cloud: Cloud
    noted: Noted

    def ec2(self, account_id: str, region: str) -> Ec2:
        return cast(Ec2, self._in(self.cloud.ec2, account_id, region))

    def ssm(self, account_id: str, region: str) -> Ssm:
        return cast(Ssm, self._in(self.cloud.ssm, account_id, region))

    def alarms(self, account_id: str, region: str) -> Alarms:
        return cast(Alarms, self._in(self.cloud.alarms, account_id, region))

    def target_groups(self, account_id: str, region: str) -> TargetGroups:
        return cast(TargetGroups, self._in(self.cloud.target_groups, account_id, region))

    def identity(self, account_id: str) -> Identity:
        return self.cloud.identity(account_id)

    def entrance(self, account_id: str) -> Entrance:
        return self.cloud.entrance(account_id)

    def objects(self) -> ObjectStore:
        return cast(ObjectStore, _Service(self.cloud.objects(), self.noted.of_bucket))

    def bucket(self, name: str) -> BucketSettings:
        return self.cloud.bucket(name)

    def _in(self, service_of: Callable[[str, str], object], account_id: str, region: str) -> _Service:
        note = partial(self.noted.of_place, (account_id, region))
        return _Service(service_of(account_id, region), note)


@dataclass(frozen=True)
class _Service:
    """One service in one place: its methods by the names of its port."""

    service: object
    note: Callable[[str, CloudError | None], None]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name, getattr(self.service, name))

    def _call(self, name: str, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        try:
            answer = method(*args, **named)
        except CloudError as error:
            self.note(name, error)
            raise
        if isinstance(answer, Iterator):  # asked when it is read
            return self._read(name, answer)
        self.note(name, None)
        return answer

    def _read(self, name: str, pages: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from pages
        except GeneratorExit:  # its reader had enough
            self.note(name, None)
            raise
        except CloudError as error:
            self.note(name, error)
            raise
        self.note(name, None)
