"""What a process says about its database when it starts, and as which role a command works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.servers import RunServers

ROOT = Path(__file__).resolve().parents[3]


def start(servers: RunServers, *program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *program], env=os.environ | servers.environment() | environment, cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def address(servers: RunServers, role: str, name: str) -> str:
    return f"postgres://{role}@/{name}?host={servers.sockets}"


@pytest.mark.django_db
def test_a_start_warns_of_a_role_that_can_forge(servers: RunServers) -> None:
    said = start(
        servers,
        "-c",
        "import portal.wsgi",
        DATABASE_URL=address(servers, "postgres", str(connection.settings_dict["NAME"])),
    )
    assert "can forge the audit trail unseen. `manage.py database_roles` gives" in said


def test_a_start_without_a_database_says_so_and_goes_on(servers: RunServers) -> None:
    said = start(
        servers, "-c", "import portal.wsgi", DATABASE_URL=address(servers, "postgres", "no_such_database")
    )
    assert "not known yet: " in said
    assert '"no_such_database" does not exist' in said


@pytest.mark.parametrize(
    ("command", "role"), [("migrate", "the_owner"), ("showmigrations", "the_application")]
)
def test_only_commands_of_the_owner_connect_as_the_owner(
    servers: RunServers, command: str, role: str
) -> None:
    addresses = {
        "DATABASE_URL": address(servers, "the_application", "postgres"),
        "DATABASE_OWNER_URL": address(servers, "the_owner", "postgres"),
    }
    with pytest.raises(subprocess.CalledProcessError) as failed:
        start(servers, "manage.py", command, **addresses)
    assert f'role "{role}" does not exist' in failed.value.stderr
