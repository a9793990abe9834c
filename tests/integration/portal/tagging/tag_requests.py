"""Tags requested and written on the AWS in memory."""

from __future__ import annotations

from portal.tagging.writer import write_due
from portal.tags.models import InstanceRef, TagChange
from portal.tags.operations import request_tag
from tests.fakes import ACCOUNT, REGION, FakeCloud

KEY = "PatchWindow"


def ref(number: int, account: str = ACCOUNT) -> InstanceRef:
    return InstanceRef(account, REGION, f"i-{number:017x}")


def request(cloud: FakeCloud, *refs: InstanceRef, value: str | None = "saturday", key: str = KEY) -> None:
    request_tag(instances=refs, key=key, value=value, reason="A test", by=None, now=cloud.clock())


def write(cloud: FakeCloud) -> int:
    return write_due(cloud=cloud, now=cloud.clock())


def tag(cloud: FakeCloud, number: int, key: str = KEY) -> str | None:
    return cloud.hosts[ref(number).instance_id].instance.tags.get(key)


def state_of(number: int) -> tuple[str, str]:
    row = TagChange.objects.filter(instance_id=ref(number).instance_id).latest("pk")
    return row.state, row.error
