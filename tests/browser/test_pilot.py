"""docs/pilot.md by its own words: its lines in a real shell against an AWS in which nothing is set up, its clicks in a
real Chromium, and then one server is checked and patched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from embedded import dotenv
from lab.server import LabServer
from patching.engine.reconcile import reconcile_run
from patching.models import Run, Window
from patching.states import RUN_OVER
from portal import cloud as product_cloud
from portal.clock import database_now
from portal.inventory.models import Asset
from portal.inventory.operations import sync_all

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/pilot.md").read_text()
ACCOUNT, REGION = "111122223333", "eu-central-1"
QUICK = {"gather_s": 0, "sweep_s": 1, "settle_s": 3, "reboot_grace_s": 10, "lock_wait_s": 2, "deadline_s": 60}
SCENARIO: dict[str, Any] = {
    "name": "pilot",
    "bare": True,
    "accounts": [{"id": ACCOUNT, "regions": [REGION]}],
    "hosts": [
        {
            "name": "first", "account": ACCOUNT, "region": REGION, "os": "debian12", "pending": 3, "security": 1,
            "kernel_update": True, "instance_profile": False,
        }
    ],
}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    """Nothing but a server; the CLI is signed in as the account's administrator, by its default profile."""
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = any\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PAGER", "")
    monkeypatch.setenv("HOME", str(tmp_path))  # where the CLI keeps the keys of roles
    with LabServer(SCENARIO, tmp_path / "lab", time_scale=20) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        product_cloud._aws.cache_clear()
        yield server
    product_cloud._aws.cache_clear()


def paste(folder: Path, server: str) -> str:
    """All blocks of the guide in one shell, as a person would; what the last lines printed."""
    for name in ("aws", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "script").mkdir()
    (folder / "script/setup").symlink_to("/bin/true")  # the packages are there
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    lines = "set -eu\n" + "".join(blocks).replace("i-0123456789abcdef0", server)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", lines], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Reader:
    """Clicks on what the guide names, and on nothing else."""

    page: Page
    clicks: int = 0
    used: set[str] = field(default_factory=set)

    def press(self, what: Callable[[str], Locator], name: str) -> None:
        self.sees(name)
        self.click(what(name).first)

    def click(self, there: Locator) -> None:
        self.clicks += 1
        there.click()
        self.page.wait_for_load_state()

    def sees(self, name: str) -> None:
        assert f"*{name}*" in GUIDE.replace("\n   ", " "), f"the guide does not name {name}"
        self.used.add(name)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)


def settle(settings: Settings, env_file: Path) -> None:
    """As `script/serve` would read it."""
    found = dotenv.read(env_file)
    settings.RESULTS_BUCKET = found["RESULTS_BUCKET"]
    settings.AWS_PORTAL_ROLE_ARN = found["AWS_PORTAL_ROLE_ARN"]
    settings.AWS_EXTERNAL_ID = found["AWS_EXTERNAL_ID"]
    os.environ["AWS_PROFILE"] = found["AWS_PROFILE"]


def work(run: Run) -> None:
    """The workers' part, until the run is over."""
    deadline = time.monotonic() + 60
    while run.state not in RUN_OVER:
        assert time.monotonic() < deadline, [(row.state, row.reason) for row in run.targets.all()]
        reconcile_run(run.pk, cloud=product_cloud.cloud(), clock=database_now)
        run.refresh_from_db()
        time.sleep(0.1)


def test_a_pilot_from_nothing_to_its_first_report(
    lab: LabServer, live_server: LiveServer, page: Page, settings: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_PROFILE", "default")
    (host,) = lab.control("/lab/hosts")
    folder = tmp_path / "portal"
    folder.mkdir()
    assert paste(folder, host["instance_id"]).splitlines()[-1].split() == [host["instance_id"], "Online"]
    settle(settings, folder / ".env")
    settings.PORTAL_URL = live_server.url
    call_command("first_admin", "--link")
    reader = Reader(page)
    become_admin(reader, re.findall(r"http\S+", capsys.readouterr().out)[-1])
    connect(reader)
    offer_and_enrol(reader)
    check = start(reader, "Pre-check only")
    assert [row.reason_code for row in check.targets.all()] == ["checked"]
    reader.press(reader.link, "Open the report")
    assert reader.clicks <= 12
    reader.press(reader.link, "Windows")
    reader.click(reader.link("Pilot").first)
    full = start(reader, "Patch 1 server now")
    (row,) = full.targets.all()
    assert (row.verdict, row.available_count) == ("patched", 0), row.reason
    assert row.kernel_before != row.kernel_after
    reader.press(reader.link, "Open the report")
    expect(page.get_by_text(row.kernel_after).first).to_be_visible()
    assert set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", GUIDE.replace("\n   ", " "))) == reader.used


def become_admin(reader: Reader, link: str) -> None:
    page = reader.page
    page.goto(link)
    page.get_by_label("Your name").fill("Ines Indurain")
    page.get_by_label("User name").fill("ines")
    page.get_by_label("Password", exact=True).fill("tall-quiet-windows")
    page.get_by_label("The password again").fill("tall-quiet-windows")
    reader.press(reader.button, "Become patch admin")


def connect(reader: Reader) -> None:
    page = reader.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect an AWS account in three steps")
    reader.sees("Connect an AWS account in three steps")
    page.get_by_label("Account id").fill(ACCOUNT)
    page.get_by_label("Regions").fill(REGION)
    reader.press(reader.button, "Connect and check")
    reader.sees("Works")
    reader.sees("Check again")
    told = page.locator("tbody tr").all_inner_texts()
    assert len(told) >= 5
    assert [row for row in told if "Works" not in row] == []
    assert sync_all(cloud=product_cloud.cloud(), now=database_now()) == {}
    assert Asset.objects.get().coverage == ""


def offer_and_enrol(reader: Reader) -> None:
    page = reader.page
    reader.press(reader.link, "Add a window")
    page.get_by_label("Name", exact=True).fill("Pilot")
    reader.press(reader.button, "Offer the window")
    Window.objects.update(policy=QUICK)  # the times of a fleet that answers in seconds
    reader.press(reader.link, "Choose servers")
    reader.click(page.get_by_label("Select first"))
    reader.press(reader.button, "Pick a window")
    reader.press(reader.button, "Enrol 1 server")


def start(reader: Reader, how: str) -> Run:
    """From the window's page to a run that is over, and its page read again."""
    reader.press(reader.link, "Show the plan")
    reader.press(reader.link, "Start now…")
    reader.press(reader.button, how)
    run = Run.objects.latest("pk")
    work(run)
    reader.page.reload()
    return run
