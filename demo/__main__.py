"""Command line of `script/demo`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from embedded import EmbeddedError, LabOptions, Stack, stop_on_signals
from lab.roots import images, tools
from lab.roots.tools import RootsUnavailable
from lab.scenario import PORTAL_ROLE, RESULTS_BUCKET, load
from lab.topics import topic_of

SCENARIOS = Path(__file__).resolve().parent.parent / "lab" / "scenarios"
SCENARIO, ROOT_SCENARIO = SCENARIOS / "demo.yaml", SCENARIOS / "root.yaml"
STATE = Path(".state")
# Short steps for a fleet whose hosts answer in seconds; the product reads them as any site would.
PACE = {"TICK_SECONDS": "1", "PLAN_SECONDS": "2", "SYNC_SECONDS": "20"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/demo", description="Patches a simulated fleet in front of you."
    )
    parser.add_argument(
        "--once", action="store_true", help="end after the report; exit 1 if an expectation failed"
    )
    parser.add_argument(
        "--hosts", type=int, metavar="N", help="a fleet of about N servers instead of the usual one"
    )
    parser.add_argument("--port", type=int, default=8000, help="port of the site (0: any free one)")
    parser.add_argument("--keep", action="store_true", help="keep the data in .state/ for the next start")
    parser.add_argument(
        "--root-hosts", action="store_true", help="a few hosts with real package managers; needs root and apt"
    )
    return parser.parse_args()


def main() -> int:
    stop_on_signals()
    options = arguments()
    lasting = STATE / "root-hosts" if options.root_hosts else STATE
    state = lasting if options.keep or not options.once else Path(tempfile.mkdtemp(prefix="patch-portal-"))
    try:
        scenario = scaled(ROOT_SCENARIO if options.root_hosts else SCENARIO, options.hosts, state)
        if options.root_hosts:
            build_roots(scenario)
        return run(options, state, scenario)
    except (EmbeddedError, RootsUnavailable) as error:
        print(f"script/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        (STATE / "demo.json").unlink(missing_ok=True)
        if state != lasting:
            shutil.rmtree(state, ignore_errors=True)


def run(options: argparse.Namespace, state: Path, scenario: Path) -> int:
    lab = LabOptions(scenario=scenario, time_scale=6.0)
    fleet = yaml.safe_load(scenario.read_text())
    environment = PACE | {
        "AWS_ACCESS_KEY_ID": "THE-PORTALS-OWN-ROLE",
        "AWS_PORTAL_ROLE_ARN": f"arn:aws:iam::{fleet['portal_account']}:role/{PORTAL_ROLE}",
        "AWS_SECRET_ACCESS_KEY": "of-the-simulated-account",
        "AWS_REGION": "eu-central-1",
        "AWS_EXTERNAL_ID": fleet["accounts"][0]["external_id"],
        "RESULTS_BUCKET": RESULTS_BUCKET,
        "NOTIFY_TOPIC_ARN": topic_of(fleet["portal_account"]),
        "FOUR_EYES": "false",  # one visitor plays everybody
    }
    with Stack(state=state, port=options.port, environment=environment, lab=lab) as stack:
        os.environ.update(stack.environment_of_children(), DJANGO_SETTINGS_MODULE="portal.settings")
        from demo import show

        return show.demo(stack, fleet, once=options.once, tell=write_facts)


def build_roots(scenario: Path) -> None:
    """Once on a machine; later starts find them. Raises RootsUnavailable."""
    if why := tools.refusal():
        raise RootsUnavailable(why)
    print("Building the root file systems of the hosts (a minute at the first start) ...", flush=True)
    images.prepare(sorted({host.os for host in load(scenario).hosts if host.kind == "root"}))


def scaled(usual_scenario: Path, hosts: int | None, state: Path) -> Path:
    """The usual scenario, or one whose groups grow or shrink to about `hosts` servers."""
    if not hosts:
        return usual_scenario
    fleet = yaml.safe_load(usual_scenario.read_text())
    usual = sum(group.get("count", 1) for group in fleet["hosts"])
    for group in fleet["hosts"]:
        if group["name"]:
            group["count"] = max(1, round(group.get("count", 1) * hosts / usual))
    state.mkdir(parents=True, exist_ok=True)
    path = state / "scenario.yaml"
    path.write_text(yaml.safe_dump(fleet, allow_unicode=True))
    return path


def write_facts(facts: dict) -> None:  # type: ignore[type-arg]
    """`.state/demo.json` tells other programs where everything is."""
    STATE.mkdir(exist_ok=True)
    (STATE / "demo.json").write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    sys.exit(main())
