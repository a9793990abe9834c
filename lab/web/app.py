"""The WSGI application around moto: control calls, credentials, throttling, lost answers, the log."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from lab import permissions
from lab.web import control
from lab.web.calls import Call, call_of
from lab.web.drops import hang_up
from lab.web.errors import Answer, Refusal, RefusedCall, answer_of, code_in, is_page, unimplemented
from lab.world import World

StartResponse = Callable[..., Any]
# Only the log shows it.
NEVER_CAME = Refusal(503, "request dropped", "The connection broke before the call came.")
_COMMAND_ID = re.compile(rb'"CommandId"\s*:\s*"([0-9a-f-]{36})"')


class App:
    """One world over HTTP."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moto = DomainDispatcherApplication(backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/lab/"):
            answer = control.answer(self._world, environ)
        else:
            call = call_of(environ)
            answer, lost = self._aws(call, environ)
            self._world.silences.wait(call)
            if lost:
                hang_up(environ)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def _aws(self, call: Call, environ: dict[str, Any]) -> tuple[Answer, bool]:
        world = self._world
        call.account = world.credentials.account_of(call.access_key)
        refusal = world.credentials.refusal(call) or permissions.refusal(world, call, environ)
        if refusal := refusal or world.throttles.refusal(call):
            answer = answer_of(call, refusal)
            world.log.add(call, answer.number, code_in(answer), command_id(call, answer))
            return answer, False
        return self._carry_out(call, environ)

    def _carry_out(self, call: Call, environ: dict[str, Any]) -> tuple[Answer, bool]:
        """The answer, and whether it is lost; a call that stands at a boundary may never be carried out."""
        world = self._world
        boundary = world.boundaries.reached(call)
        if world.boundaries.pass_over(boundary, "before"):
            world.log.add(call, NEVER_CAME.status, NEVER_CAME.code, "")
            return answer_of(call, NEVER_CAME), True
        answer = self._ask_moto(call, environ)
        lost = world.drops.take(call.operation) or bool(boundary and boundary.action == "drop")
        error = "answer dropped" if lost else code_in(answer)
        world.log.add(call, answer.number, error, command_id(call, answer))
        return answer, world.boundaries.pass_over(boundary, "after") or lost

    def _ask_moto(self, call: Call, environ: dict[str, Any]) -> Answer:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
        try:
            answer = collect(self._moto, environ)
        except RefusedCall as refused:
            return answer_of(call, refused.refusal)
        except NotImplementedError:
            return answer_of(call, unimplemented(call))
        except Exception:  # noqa: BLE001 - AWS never answers with a stack trace; ours goes to the log
            traceback.print_exc(file=sys.stderr)
            return answer_of(call, Refusal(500, "InternalFailure", "The simulated AWS failed; see its log."))
        return answer_of(call, unimplemented(call)) if is_page(answer) else answer


def backend_app(service: Any) -> Any:
    """Moto's application of one service. Raises NotImplementedError where moto has none, as moto does for a part.

    The caller answers both as AWS answers what it does not know.
    """
    if service is None:
        raise NotImplementedError
    return create_backend_app(service)


def collect(app: Any, environ: dict[str, Any]) -> Answer:
    """Everything that an inner WSGI application answers."""
    head: list[Any] = []
    body = app(environ, lambda status, headers, exc_info=None: head.append((status, headers)))
    try:
        whole = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    status, headers = head[-1]
    return Answer(status, list(headers), whole)


def command_id(call: Call, answer: Answer) -> str:
    if call.service != "ssm" or call.operation != "SendCommand":
        return ""
    found = _COMMAND_ID.search(answer.body)
    return found[1].decode() if found else ""
