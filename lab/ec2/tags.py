"""CreateTags and DeleteTags with the limits that stock moto leaves out."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from lab import world as worlds
from lab.ec2.errors import EC2ClientError, not_found
from lab.fleet import Host

MOST_RESOURCES = 1000
MOST_TAGS = 50  # those with the prefix aws: are not counted
KEY_CHARACTERS, VALUE_CHARACTERS = 128, 256
RESERVED = "aws:"

_moto_create = EC2Response.create_tags
_moto_delete = EC2Response.delete_tags


def create_tags(response: EC2Response) -> ActionResult:
    """CreateTags: overwrites; all or none of the resources."""
    ids = response._get_param("Resources", [])
    tags = {tag["Key"]: tag.get("Value", "") for tag in response._get_param("Tags", [])}
    check_ids(ids)
    check_tags(tags)
    if not all(name.startswith("i-") for name in ids):
        return _moto_create(response)
    response.error_on_dryrun()
    world = worlds.current()
    with world.lock:
        hosts = tagged_hosts(response, ids)
        check_room(hosts, tags)
        for host in hosts:
            host.tags.update(tags)
        world.fleet.changed(hosts)
    return EmptyResult()


def delete_tags(response: EC2Response) -> ActionResult:
    """DeleteTags: a given value must match, an absent tag is no error."""
    ids = response._get_param("Resources", [])
    tags = {tag["Key"]: tag.get("Value") for tag in response._get_param("Tags", [])}
    check_ids(ids)
    check_keys(tags)
    if not all(name.startswith("i-") for name in ids):
        return _moto_delete(response)
    response.error_on_dryrun()
    world = worlds.current()
    with world.lock:
        hosts = tagged_hosts(response, ids)
        for host in hosts:
            remove(host, tags)
        world.fleet.changed(hosts)
    return EmptyResult()


def remove(host: Host, tags: dict[str, str | None]) -> None:
    if not tags:  # no tag named: every tag goes
        host.tags.clear()
    for key, value in tags.items():
        if value in (None, host.tags.get(key)):
            host.tags.pop(key, None)


def tagged_hosts(response: EC2Response, ids: list[str]) -> list[Host]:
    place = worlds.current().fleet.at(response.current_account, response.region)
    if bad := [name for name in ids if name not in place]:
        raise not_found(bad)
    return [place[name] for name in dict.fromkeys(ids)]


def check_ids(ids: list[str]) -> None:
    if not ids:
        raise EC2ClientError("MissingParameter", "The request must contain the parameter resourceIdSet")
    if len(ids) > MOST_RESOURCES:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"{len(ids)} resources were given; at most {MOST_RESOURCES} may be tagged.",
        )


def check_tags(tags: dict[str, str]) -> None:
    if not tags:
        raise EC2ClientError("MissingParameter", "The request must contain the parameter tagSet")
    check_keys(tags)
    for key, value in tags.items():
        if len(value) > VALUE_CHARACTERS:
            raise wrong(
                f"Tag value exceeds the maximum length of {VALUE_CHARACTERS} characters (key '{key}')."
            )


def check_keys(keys: dict[str, str] | dict[str, str | None]) -> None:
    for key in keys:
        if not 1 <= len(key) <= KEY_CHARACTERS:
            raise wrong(f"Tag keys have 1 to {KEY_CHARACTERS} characters, not {len(key)}.")
        if key.lower().startswith(RESERVED):
            raise wrong(f"Tag keys starting with 'aws:' are reserved for internal use ('{key}').")


def check_room(hosts: list[Host], tags: dict[str, str]) -> None:
    for host in hosts:
        if sum(not key.startswith(RESERVED) for key in {**host.tags, **tags}) > MOST_TAGS:
            raise EC2ClientError(
                "TagLimitExceeded",
                f"More than {MOST_TAGS} tags per resource: '{host.instance_id}' has reached the limit.",
            )


def wrong(message: str) -> EC2ClientError:
    return EC2ClientError("InvalidParameterValue", message)
