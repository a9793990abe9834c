"""`python -m embedded`: the site on one machine against real AWS, until interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from embedded import EmbeddedError, Stack

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    options = arguments()
    stop_on_signals()
    environment = {
        key: os.environ[key] for key in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY") if os.environ.get(key)
    }
    environment |= {key: os.environ[key] for key in ("ALLOWED_HOSTS", "PORTAL_URL") if os.environ.get(key)}
    try:
        with Stack(state=options.state, port=options.port, environment=environment) as stack:
            print(
                f"Patch Portal: {stack.url} (stop with Ctrl-C; logs in {stack.supervisor.logs})", flush=True
            )
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


def stop_on_signals() -> None:
    """Makes a polite end of every signal that means stop."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main())
