"""Keeps what is written to the results bucket on disk, so that a second start finds it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends

from lab import permissions, scenario
from lab import world as worlds

_SUFFIX = ".object"
_moto_put = S3Backend.put_object
_moto_delete = S3Backend.delete_object
_lock = threading.Lock()


def open_bucket(world: worlds.World) -> None:
    """The results bucket in the portal's account with what earlier starts left; hosts of all accounts write to it."""
    if world.scenario.bare:
        return
    backend = s3_backends[world.scenario.portal_account]["aws"]
    name = world.scenario.results_bucket
    backend.create_bucket(name, scenario.RESULTS_REGION)
    root = folder(world)
    for path in sorted(root.rglob(f"*{_SUFFIX}")):
        _moto_put(backend, name, key_of(path.relative_to(root)), path.read_bytes())
    permissions.guard_bucket(world.scenario)


def put_object(
    backend: S3Backend, bucket_name: str, key_name: str, value: bytes, *rest: Any, **named: Any
) -> FakeKey:
    """Moto's, and a copy on disk."""
    found = _moto_put(backend, bucket_name, key_name, value, *rest, **named)
    world = worlds.current()
    if bucket_name == world.scenario.results_bucket:
        with _lock:
            write(folder(world) / path_of(key_name), bytes(found.value))
    return found


def delete_object(backend: S3Backend, bucket_name: str, key_name: str, *rest: Any, **named: Any) -> Any:
    """Moto's, and the copy goes too."""
    found = _moto_delete(backend, bucket_name, key_name, *rest, **named)
    world = worlds.current()
    if bucket_name == world.scenario.results_bucket:
        (folder(world) / path_of(key_name)).unlink(missing_ok=True)
    return found


def get_permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    """The bucket's policy was evaluated before the call came here (lab/permissions.py); moto leaves conditions out."""
    return PermissionResult.NEUTRAL


def folder(world: worlds.World) -> Path:
    return world.state / "objects"


def path_of(key: str) -> Path:
    """A key as a path that cannot leave its folder: dots are quoted as well."""
    parts = [quote(part, safe="").replace(".", "%2E") or "%" for part in key.split("/")]
    return Path(*parts[:-1], parts[-1] + _SUFFIX)


def key_of(path: Path) -> str:
    parts = [*path.parts[:-1], path.name.removesuffix(_SUFFIX)]
    return "/".join("" if part == "%" else unquote(part) for part in parts)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)
