"""`.env.example` names exactly what the settings read."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
# Read by the AWS SDK itself, not by the settings.
FOR_THE_SDK = {"AWS_ENDPOINT_URL"}
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def test_the_example_lists_what_the_settings_and_the_channels_read() -> None:
    readers = [ROOT / "portal" / "settings.py", *(ROOT / "portal/notify/channels").glob("*/channel.py")]
    assert len(readers) > 1, "the walk has lost its way"
    read = {name for path in readers for name in re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', path.read_text())}
    listed = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    for_compose = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    assert listed - FOR_THE_SDK - (for_compose - read) == read
    assert for_compose <= listed


def test_compose_knows_no_password_that_everybody_knows() -> None:
    named = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY)\w*)(:?[-?]?)", COMPOSE)
    assert named
    assert {how for _, how in named} == {":?"}
    assert "change-me" not in COMPOSE + (ROOT / ".env.example").read_text()


def test_only_the_front_is_reached_from_outside_and_it_alone_is_believed() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["front"]
    networks = services["front"]["networks"]
    assert networks["front"]["ipv4_address"] == services["web"]["environment"]["TRUSTED_PROXIES"]
    assert list(networks) == ["front"]


def test_the_files_of_the_front_are_there_in_each_of_its_ways() -> None:
    for mount in yaml.safe_load(COMPOSE)["services"]["front"]["volumes"][:3]:
        source = re.sub(r":/front/.*", "", mount)
        for way in ("tls", "plain"):
            assert (ROOT / re.sub(r"\$\{FRONT.*?\}", way, source)).is_file()
