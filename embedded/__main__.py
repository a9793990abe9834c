"""`python -m embedded`: the site on one machine against real AWS, until interrupted."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from embedded import EmbeddedError, Stack, stop_on_signals

ROOT = Path(__file__).resolve().parent.parent
# What the stack would choose by itself unless the environment says it.
FROM_OUTSIDE = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "PORTAL_URL",
)


def main() -> int:
    options = arguments()
    stop_on_signals()
    environment = {key: os.environ[key] for key in FROM_OUTSIDE if os.environ.get(key)}
    try:
        with Stack(state=options.state, port=options.port, environment=environment) as stack:
            print(f"Patch Portal: {stack.url} (Ctrl-C stops it; logs: {stack.supervisor.logs})", flush=True)
            stack.wait()
    except EmbeddedError as error:
        print(f"Patch Portal did not start. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Patch Portal has stopped.")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/serve", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--state", type=Path, default=ROOT / ".state", help="folder for all data")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
