"""Serves a scenario as AWS on one local port."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

# Read by moto when it is imported: its thousands of images are not needed and slow to load.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from lab import iam, objects, overrides, scenario, topics
from lab import world as worlds
from lab.delays import Delays
from lab.ssm import lifecycle
from lab.web.app import App

HOST = "127.0.0.1"


class ControlError(RuntimeError):
    """The control API refused; the message is its sentence."""


class LabServer:
    """The simulated AWS in threads of this process, as a context manager. One at a time."""

    def __init__(
        self,
        source: Mapping[str, Any] | Path,
        state: Path,
        time_scale: float = 1.0,
        *,
        port: int = 0,
        delays: Delays | None = None,
    ) -> None:
        self.scenario = scenario.load(source)
        self._state, self._scale, self._port = state.resolve(), time_scale, port
        self._delays = delays or Delays()

    @property
    def url(self) -> str:
        """The endpoint: `AWS_ENDPOINT_URL`."""
        return f"http://{HOST}:{self._server.server_port}"

    def start(self) -> Self:
        """Seed the fleet and serve. Raises RuntimeError when another lab runs in this process."""
        self._state.mkdir(parents=True, exist_ok=True)
        worlds.check_free()
        self.world = worlds.World(self.scenario, self._state, self._scale, self._delays)
        worlds.enter(self.world)
        forget_moto()
        overrides.install()
        self.world.when_down.append(lifecycle.host_went_down)
        self.world.when_up.append(lifecycle.host_came_up)
        iam.prepare(self.scenario)
        objects.open_bucket(self.world)
        topics.open_topic(self.scenario)
        self._server: BaseWSGIServer = make_server(
            HOST, self._port, App(self.world), threaded=True, request_handler=QuietHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="lab-server", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop serving, end every script, keep the fleet's state."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.world.close()
        overrides.remove()
        worlds.leave()
        forget_moto()

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST (with a body) or GET one control call, such as `/lab/fault`. Raises ControlError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise ControlError(json.load(refusal)["error"]) from refusal

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def forget_moto() -> None:
    """Moto's backends are global: nothing of an earlier or later user may stay."""
    BackendDict.reset()
    reset_model_data()


class QuietHandler(MotoRequestHandler):
    """Keeps calls in the lab's own log, not on the terminal."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        pass
