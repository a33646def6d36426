"""The kit for ASGI: the process-wide gateway starts and stops with the application's lifespan.

    app = FastAPI(lifespan=asgi.lifespan)                # FastAPI, Starlette, without one so far
    app = FastAPI(lifespan=asgi.lifespan_of(your_own))   # with one
    app = asgi.wrap(app)                                 # any ASGI application

It is needed where the server ends its processes by a signal: uvicorn raises the signal again once
its graceful shutdown is over, and no exit hook runs then. The lifespan ends before that, when the
last request has been answered.

The end has ``lifecycle.exit_timeout_s`` (5 s) and not ``lifecycle.stop_timeout_s`` (10 s), since it
is the end of the process. It comes out of what the orchestrator grants in all (Kubernetes: 30 s,
Docker: 10 s), and the answers that are under way come first: uvicorn's
``--timeout-graceful-shutdown`` bounds those alone, gunicorn's ``--graceful-timeout`` (30 s) both
together. With a receiver that is well it takes as long as one request to it.

Runs in the event loop of asyncio, uvloop or trio, and never waits there (`life/event_loop.py`).
Never raises anything of its own: what goes wrong is said at WARNING, and the host goes on.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar

from telemetry_actors.base.log import say
from telemetry_actors.hosts._users import User
from telemetry_actors.life.aside import run_aside
from telemetry_actors.life.event_loop import NoThread, run_beside

__all__ = ["lifespan", "lifespan_of", "wrap"]

_App = TypeVar("_App")
_State = TypeVar("_State")
_Message = MutableMapping[str, Any]
_Asgi = Callable[[Any, Any, Any], Awaitable[Any]]

_ANSWERS = frozenset(
    f"lifespan.{what}.{how}" for what in ("startup", "shutdown") for how in ("complete", "failed")
)


def lifespan(app: object = None) -> AbstractAsyncContextManager[None]:  # noqa: ARG001
    """The gateway runs from its start to its end: the lifespan of a Starlette or FastAPI.

    In one process it may be used by several at the same time: the last one stops the gateway. A
    stopped one is followed by another when it starts again (a second test client). If the gateway
    can't be started the application runs all the same, and a WARNING says why.

    Args:
        app: whoever calls a lifespan hands it in; it isn't looked at.
    """
    return _Use()


def lifespan_of(
    own: Callable[[_App], AbstractAsyncContextManager[_State]],
) -> Callable[[_App], AbstractAsyncContextManager[_State]]:
    """*own* within `lifespan`: what it emits in its beginning and end gets out as well.

    Args:
        own: a lifespan as Starlette and FastAPI take it. What it yields is passed on.
    """
    inner = asynccontextmanager(own) if inspect.isasyncgenfunction(own) else own

    @asynccontextmanager
    async def both(app: _App) -> AsyncIterator[_State]:
        async with lifespan(app), inner(app) as state:
            yield state

    return both


def wrap(app: _Asgi) -> _Asgi:
    """*app* with `lifespan` around it, whether it has a lifespan of its own or not.

    Where it raises on the lifespan scope, or returns, the server gets its answers from here.
    Everything else is *app*'s: other scopes, state, and the failure of its startup.

    Args:
        app: an ASGI 3 application.
    """
    return _Wrapped(app)


class _Use:
    """One use of the gateway, in an event loop."""

    def __init__(self) -> None:
        self._user = User()
        self._has_left = False

    async def __aenter__(self) -> None:
        try:
            await run_beside(self._user.come)
        except NoThread:
            self._user.come()
        except BaseException:  # cancelled: nobody will leave
            self._leave_behind()
            raise

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, GeneratorExit):  # dropped by its loop: nothing can be awaited
            self._leave_behind()
        else:
            await self.leave()

    async def leave(self) -> None:
        """Wait for the gateway's end. If the task is cancelled, that goes on behind it.

        Once: a server that has its last answer cancels what still awaits (hypercorn does).
        """
        if self._has_left:
            return
        self._has_left = True
        try:
            await run_beside(self._user.leave)
        except NoThread:
            self._user.leave()

    def _leave_behind(self) -> None:
        with suppress(RuntimeError):  # no thread can be started: the exit stops it
            run_aside(self._user.leave)


class _Wrapped:
    """What `wrap` gives."""

    def __init__(self, app: _Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: object, send: object) -> None:
        if scope["type"] == "lifespan":
            await _Lifespan(self._app, receive, send).run(scope)
        else:
            await self._app(scope, receive, send)


class _Lifespan:
    """One lifespan scope: what server and application say to one another goes through here."""

    def __init__(self, app: _Asgi, receive: Any, send: Any) -> None:
        self._app = app
        self._server_asks, self._server_hears = receive, send
        self._use = _Use()
        self._asked: set[str] = set()
        self._answered: set[str] = set()

    async def run(self, scope: object) -> None:
        """From the beginning to the end, in the server's task."""
        async with self._use:
            error = await self._run_app(scope)
            if not self._answered & {"lifespan.startup.complete", "lifespan.startup.failed"}:
                _say_that_it_has_none(error)
                error = None
                await self._asked_for("lifespan.startup")
                await self._answer({"type": "lifespan.startup.complete"})
            if "lifespan.startup.failed" not in self._answered:
                await self._asked_for("lifespan.shutdown")
            await self._use.leave()
            if error is not None:
                raise error
            if self._answered == {"lifespan.startup.complete"}:
                await self._answer({"type": "lifespan.shutdown.complete"})

    async def _run_app(self, scope: object) -> Exception | None:
        """What it raised, if it did. One that comes to its end early has the gateway still."""
        try:
            await self._app(scope, self._ask, self._answer)
        except Exception as error:  # noqa: BLE001 -- the server is told when its turn has come
            return error
        return None

    async def _asked_for(self, what: str) -> None:
        while what not in self._asked:
            await self._ask()

    async def _ask(self) -> _Message:
        message: _Message = await self._server_asks()
        self._asked.add(message["type"])
        return message

    async def _answer(self, message: _Message) -> None:
        """Pass it on. After the last one the server may end the process, so we are done before."""
        if message["type"] not in _ANSWERS:
            raise RuntimeError(f"{message['type']} is no answer to a lifespan message")
        if message["type"] != "lifespan.startup.complete":
            await self._use.leave()
        self._answered.add(message["type"])
        await self._server_hears(message)


def _say_that_it_has_none(error: Exception | None) -> None:
    how = "returned" if error is None else f"raised {type(error).__name__}"
    say("the application has no lifespan (it %s): the server is answered for it", how)
