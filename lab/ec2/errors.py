"""EC2's errors."""

from __future__ import annotations

from collections.abc import Iterable

from moto.ec2.exceptions import EC2ClientError

from lab.fleet import Host

__all__ = ["EC2ClientError", "named", "not_found"]


def not_found(ids: Iterable[str]) -> EC2ClientError:
    """InvalidInstanceID.NotFound in EC2's own words for one and for several ids."""
    bad = list(ids)
    who = f"ID '{bad[0]}' does" if len(bad) == 1 else f"IDs '{', '.join(bad)}' do"
    return EC2ClientError("InvalidInstanceID.NotFound", f"The instance {who} not exist")


def named(place: dict[str, Host], ids: Iterable[str]) -> list[Host]:
    """The hosts with these ids, each once. One unknown id refuses all of them."""
    wanted = list(dict.fromkeys(ids))
    if malformed := [name for name in wanted if not name.startswith("i-")]:
        raise EC2ClientError("InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')
    if bad := [name for name in wanted if name not in place]:
        raise not_found(bad)
    return [place[name] for name in wanted]
