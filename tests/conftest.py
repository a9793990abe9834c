"""One PostgreSQL and one Valkey for the whole run, and the environment that the settings read.

Folders that need no Django (`WITHOUT_DJANGO`) run without it when they are named alone, so a broken setting or model
cannot hide what they test.
"""

from __future__ import annotations

import gc
import os
import subprocess
from pathlib import Path

import hypothesis
import pytest
from pytest_django import DjangoDbBlocker

from tests import fresh
from tests.quick_hashes import hash_quickly
from tests.servers import RunServers, start
from tests.times import Times

TESTS = Path(__file__).resolve().parent
WITHOUT_DJANGO = {
    "aws",
    "lab",
    "embedded",
    "documents",
    "architecture",
    "script",
    "hosts",
    "crash",
    "cli",
    "windows",
}
SERVERS = pytest.StashKey[RunServers]()
PROCESS = pytest.StashKey[subprocess.Popen[bytes]]()
# No test may reach a real account, whatever the shell that started it has set.
NO_AWS = {
    "AWS_ACCESS_KEY_ID": "111122223333",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "RESULTS_BUCKET": "patch-portal-results",  # as the lab's scenarios call it
}
UNSET = (
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "DEBUG",
    "PORTAL_URL",
    "ALLOWED_HOSTS",
    "TRUSTED_PROXIES",
    "PROXY_COUNT",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", action="store_true", help="keep where the time went in docs/testing.md")


def pytest_configure(config: pytest.Config) -> None:
    """Starts the servers in the first process and hands their addresses to Django's settings."""
    if config.getoption("--times") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Times())
    fresh.draw()
    judge_no_machine()
    os.environ.update(NO_AWS)
    for name in UNSET:
        os.environ.pop(name, None)
    if not needs_django([str(argument) for argument in config.args]):
        return
    servers = _servers(config)
    config.stash[SERVERS] = servers
    os.environ.update(servers.environment(), DJANGO_SETTINGS_MODULE="portal.settings")
    _load_settings(servers)
    hash_quickly()


def pytest_report_header() -> str:
    return f"fresh seed of this run (again: {fresh.VARIABLE}={fresh.seed()}): simulation, crash, attack"


def pytest_configure_node(node: object) -> None:
    """xdist: tells a worker where the servers are."""
    servers = node.config.stash.get(SERVERS, None)  # type: ignore[attr-defined]
    if servers:
        node.workerinput["servers"] = (str(servers.folder), str(servers.sockets))  # type: ignore[attr-defined]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With `--dist loadfile` the dearest files come first."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.balance import DearestFirst

    return DearestFirst(config, log)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: collecting garbage need not walk through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure(config: pytest.Config) -> None:
    process = config.stash.get(PROCESS, None)
    if process and process.stdin:
        process.stdin.close()
        process.wait(timeout=30)


def judge_no_machine() -> None:
    """A machine that is busy draws its inputs slowly: that says nothing of what is tested."""
    before = hypothesis.settings.default  # in CI another one
    slow = {*before.suppress_health_check, hypothesis.HealthCheck.too_slow}
    hypothesis.settings.register_profile("suite", parent=before, suppress_health_check=sorted(slow))
    hypothesis.settings.load_profile("suite")


def needs_django(arguments: list[str]) -> bool:
    """False when every path named lies in a folder that knows no Django."""
    return not all(WITHOUT_DJANGO & set(_below_tests(argument)) for argument in arguments)


def _below_tests(argument: str) -> tuple[str, ...]:
    path = Path(argument.partition("::")[0]).resolve()
    return path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()


def _servers(config: pytest.Config) -> RunServers:
    told = getattr(config, "workerinput", {}).get("servers")
    if told:
        return RunServers(Path(told[0]), Path(told[1]))
    servers, config.stash[PROCESS] = start()
    return servers


def _load_settings(servers: RunServers) -> None:
    """Loads the settings now, so that pytest-django sets Django up with them."""
    from django.conf import settings

    if settings.DATABASES["default"]["HOST"] != str(servers.sockets):
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: tests bring their own database.")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> RunServers:
    """PostgreSQL and Valkey of this run, ready for use."""
    found = request.config.stash[SERVERS]
    found.wait()
    return found


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    servers: RunServers,
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """pytest-django asks for this before it creates the test database; the servers and the template are ready then."""
    from tests.template_database import copy_the_template

    with django_db_blocker.unblock():
        copy_the_template(servers.folder / "template.lock")


@pytest.fixture(scope="session", autouse=True)
def flush_past_the_guards(request: pytest.FixtureRequest) -> None:
    """Tests that commit are followed by a TRUNCATE of all tables, which the guarded ones refuse everybody."""
    if SERVERS in request.config.stash:
        from tests.unguarded import let_flushes_pass

        let_flushes_pass()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The whole PostgreSQL is thrown away after the run; dropping its databases first would only wait for browsers that
    still poll a page."""
    return True
