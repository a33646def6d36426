"""The kit for ASGI: with the real frameworks and loops, and a server that says what each says."""

import asyncio
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from supervisors.system.process import this_process
from telemetry_actors import SettingsError, TelemetrySettings, _process, emit, init
from telemetry_actors.hosts import _users, asgi
from telemetry_actors.life import aside as _aside
from telemetry_actors.life import starting
from telemetry_actors.testing import RecordingSink, running_gateway, use_gateway

TENANT = {"tenant_id": "acme"}
ON = ("ENTERPRISE_ENABLED", "ENTERPRISE_TELEMETRY_ENABLED", "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED")
LONG_S = 8
"""Nobody waits for so long, unless something is wrong."""
STARTED, STOPPED = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}
each_loop = pytest.mark.parametrize("loop", ["asyncio", "trio"])


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch):
    """As if the process were new; what the test made is stopped at its end."""
    made = {}
    monkeypatch.setattr(_process, "_PROCESS", made)
    monkeypatch.setitem(this_process().own, _users._Users, _users._Users())
    for name in ON:
        monkeypatch.setenv(name, "true")
    yield
    for gateway in made.values():
        if not isinstance(gateway, SettingsError):
            gateway.stop(2)


@pytest.fixture
def recording():
    return RecordingSink()


@pytest.fixture
def gateway(recording):
    return init(TelemetrySettings.enabled(), sinks=[recording])


@pytest.fixture
def stopped(monkeypatch):
    """Set once a kit has stopped the gateway: a thread of ours may do that behind a task."""
    stop, over = _users._stop, threading.Event()
    monkeypatch.setattr(_users, "_stop", lambda gateway: (stop(gateway), over.set()))
    return over


def emit_one(app_id="a"):
    return str(emit("app_created", TENANT, {"app_id": app_id}))


async def answered(request):
    return PlainTextResponse(emit_one())


def starlette(lifespan=None):
    return Starlette(routes=[Route("/", answered)], lifespan=lifespan)


def fastapi(lifespan=None):
    app = FastAPI(lifespan=lifespan)
    app.add_route("/", answered)
    return app


async def _answer_http(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": emit_one().encode()})


async def raising(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(f"no {scope['type']} here")
    await _answer_http(scope, receive, send)


async def raising_late(scope, receive, send):
    await receive()
    await raising(scope, receive, send)


async def ignoring(scope, receive, send):
    if scope["type"] == "http":
        await _answer_http(scope, receive, send)


async def all_is_http(scope, receive, send):
    await _answer_http(scope, receive, send)


@asynccontextmanager
async def own_lifespan(app):
    emit_one("begins")
    yield {"said": "by the host"}
    emit_one("ends")


APPS = {
    "FastAPI": fastapi(asgi.lifespan),
    "Starlette": starlette(asgi.lifespan),
    "one of its own": starlette(asgi.lifespan_of(own_lifespan)),
    "wrapped": asgi.wrap(fastapi()),
    "wrapped with one of its own": asgi.wrap(starlette(own_lifespan)),
    "both": asgi.wrap(starlette(asgi.lifespan)),
    "raises": asgi.wrap(raising),
    "raises late": asgi.wrap(raising_late),
    "ignores": asgi.wrap(ignoring),
    "all is HTTP": asgi.wrap(all_is_http),
}


@each_loop
@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
def test_what_is_emitted_in_it_gets_out_and_a_second_client_works(app, loop, gateway, recording):
    with TestClient(app, backend=loop) as client:
        assert client.get("/").text == "accepted"

    assert gateway.is_stopped()
    ledger = gateway.ledger()
    assert ledger.exported == ledger.emitted == len(recording.logs) >= 1
    with TestClient(app, backend=loop) as client:
        assert client.get("/").text == "accepted"
    assert emit_one() == "stopping"


def test_a_lifespan_of_the_hosts_is_within_it_and_its_state_is_passed_on(gateway, recording):
    async def state(request):
        return PlainTextResponse(request.state.said)

    app = Starlette(routes=[Route("/", state)], lifespan=asgi.lifespan_of(own_lifespan))
    with TestClient(app) as client:
        assert client.get("/").text == "by the host"

    assert ids_of(recording) == ["begins", "ends"]


def test_a_lifespan_that_is_a_generator_is_taken_as_frameworks_do(gateway, recording):
    async def own(app):
        emit_one("begins")
        yield
        emit_one("ends")

    with TestClient(starlette(asgi.lifespan_of(own))):
        pass

    assert ids_of(recording) == ["begins", "ends"]


def test_it_is_stopped_once_and_last_wherever_it_is_used(gateway, recording):
    """In the application, its router, an application that is mounted, and around it all."""
    router = APIRouter(lifespan=asgi.lifespan)
    inner = fastapi(asgi.lifespan_of(own_lifespan))
    inner.include_router(router)
    outer = Starlette(routes=[Mount("/in", inner)], lifespan=inner.router.lifespan_context)

    @asynccontextmanager
    async def last(app):
        async with outer.router.lifespan_context(app):
            yield
        emit_one("last")

    with TestClient(asgi.wrap(starlette(last))):
        pass

    assert ids_of(recording) == ["begins", "ends", "last"]
    assert gateway.is_stopped()


def test_a_gateway_of_a_test_outlives_its_clients():
    with running_gateway() as (gateway, recording), use_gateway(gateway):
        for count in (1, 2):
            with TestClient(APPS["FastAPI"]) as client:
                client.get("/")
            assert len(recording.logs) == count
        assert not gateway.is_stopped()


# -- as a server sees it --------------------------------------------------------------------------


class Server:
    """The server's side of one lifespan scope. *said*: what it was told, and whether it still ran.

    with the gateway stopped, or not, at that moment.
    """

    def __init__(self, gateway):
        self._gateway = gateway
        self.said = []
        self.error = None
        self._requests, self.ask = anyio.create_memory_object_stream(2)[::-1]

    async def send(self, message):
        self.said.append((message["type"].removeprefix("lifespan."), self._gateway.is_stopped()))

    async def serve(self, app):
        """What uvicorn does; the error of the application is kept."""
        self.ask.send_nowait({"type": "lifespan.startup"})
        self.ask.send_nowait({"type": "lifespan.shutdown"})
        try:
            with self.ask, self._requests:
                await app({"type": "lifespan", "state": {}}, self._requests.receive, self.send)
        except Exception as error:  # noqa: BLE001
            self.error = error


def serve(app, gateway, loop="asyncio"):
    async def main():
        server = Server(gateway)
        await server.serve(app)
        return server

    return anyio.run(main, backend=loop)


@each_loop
@pytest.mark.parametrize("app", [raising, raising_late, ignoring, all_is_http])
def test_the_server_is_answered_for_an_application_that_has_none(app, loop, gateway):
    server = serve(asgi.wrap(app), gateway, loop)

    assert server.said == [("startup.complete", False), ("shutdown.complete", True)]
    assert server.error is None


def test_a_startup_that_fails_is_passed_on_when_its_events_are_out(gateway, recording):
    @asynccontextmanager
    async def own(app):
        emit_one("before")
        raise ValueError("no database")
        yield

    server = serve(asgi.wrap(starlette(own)), gateway)

    assert server.said == [("startup.failed", True)]
    assert str(server.error) == "no database"
    assert ids_of(recording) == ["before"]


def test_a_shutdown_that_fails_is_passed_on_when_its_events_are_out(gateway, recording):
    @asynccontextmanager
    async def own(app):
        yield
        emit_one("after")
        raise ValueError("no database any more")

    server = serve(asgi.wrap(starlette(own)), gateway)

    assert server.said == [("startup.complete", False), ("shutdown.failed", True)]
    assert str(server.error) == "no database any more"
    assert ids_of(recording) == ["after"]


@pytest.mark.parametrize("asks", [1, 2])
def test_one_that_raises_in_the_middle_has_its_gateway_to_the_end(asks, gateway):
    """While it serves, or at its end: the server is told of it in either case."""

    async def app(scope, receive, send):
        await receive()
        await send(STARTED)
        for _ in range(asks - 1):
            await receive()
        raise ValueError("broken")

    server = serve(asgi.wrap(app), gateway)

    assert server.said == [("startup.complete", False)]
    assert str(server.error) == "broken"
    assert gateway.is_stopped()


def test_one_that_leaves_after_its_startup_is_answered_for_at_the_end(gateway):
    async def app(scope, receive, send):
        await receive()
        await send(STARTED)

    server = serve(asgi.wrap(app), gateway)

    assert server.said == [("startup.complete", False), ("shutdown.complete", True)]


@each_loop
@pytest.mark.parametrize("app", [ignoring, starlette(), starlette(asgi.lifespan)])
def test_after_its_last_answer_it_awaits_nothing_more(app, loop, gateway):
    """As hypercorn does it: it cancels the task, and takes what that meets for a crash."""

    class Impatient(Server):
        async def send(self, message):
            await super().send(message)
            if message["type"] == "lifespan.shutdown.complete":
                scope.cancel()

    async def main():
        nonlocal scope
        with anyio.CancelScope() as scope:
            await Impatient(gateway).serve(asgi.wrap(app))

    scope = None
    anyio.run(main, backend=loop)
    assert scope.cancel_called
    assert not scope.cancelled_caught


def test_everything_else_is_handed_through_as_it_is():
    given = []

    async def app(*what):
        given.append(what)
        raise KeyError("its own affair")

    scope, receive, send = {"type": "websocket"}, object(), object()
    with pytest.raises(KeyError):
        asgi.wrap(app)(scope, receive, send).send(None)

    assert [id(what) for what in given[0]] == [id(scope), id(receive), id(send)]


# -- loops that end otherwise ---------------------------------------------------------------------


class Gate(RecordingSink):
    """Lets a request through when it is told to."""

    def __init__(self):
        super().__init__()
        self.entered, self.opened = threading.Event(), threading.Event()

    def export(self, kind, encoded, timeout_s):
        self.entered.set()
        self.opened.wait(timeout_s)
        return super().export(kind, encoded, timeout_s)


@each_loop
def test_the_loop_goes_on_in_its_end(loop):
    """The loop itself opens what the end waits for."""
    gate = Gate()
    gateway = init(TelemetrySettings.enabled(), sinks=[gate])

    async def main():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_when_entered)
            async with asgi.lifespan():
                emit_one()

    async def open_when_entered():
        while not gate.entered.is_set():
            await anyio.lowlevel.checkpoint()
        gate.opened.set()

    anyio.run(main, backend=loop)
    assert gateway.ledger().exported == 1


@each_loop
def test_one_that_is_cancelled_stops_the_gateway_all_the_same(loop, gateway, stopped):
    async def main():
        with anyio.CancelScope() as scope:
            async with asgi.lifespan():
                emit_one()
                scope.cancel()
                await anyio.sleep_forever()

    anyio.run(main, backend=loop)
    assert stopped.wait(LONG_S)
    assert gateway.ledger().exported == 1


@each_loop
def test_one_that_is_cancelled_in_its_beginning_is_no_user_any_more(
    loop, gateway, stopped, monkeypatch
):
    begun, opened, build = threading.Event(), threading.Event(), starting._build

    def slowly(life):
        begun.set()
        opened.wait(LONG_S)
        build(life)

    monkeypatch.setattr(starting, "_build", slowly)

    async def main():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(enter)
            while not begun.is_set():
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    async def enter():
        async with asgi.lifespan():
            raise AssertionError("it was entered")

    anyio.run(main, backend=loop)
    opened.set()
    assert stopped.wait(LONG_S)


def test_one_that_its_loop_has_dropped_makes_no_noise(gateway, stopped):
    """Such as a server's task that nobody has waited for: nothing can be awaited then."""

    async def app(entered):
        async with asgi.lifespan():
            entered.set()
            await asyncio.sleep(LONG_S)

    async def main():
        entered = asyncio.Event()
        task = asyncio.ensure_future(app(entered))
        await entered.wait()
        task.get_coro().close()  # it raises where the coroutine goes on awaiting
        task.cancel()
        with suppress(RuntimeError):  # it has no coroutine any more
            await task

    asyncio.run(main())
    assert stopped.wait(LONG_S)


def test_without_a_thread_to_be_had_it_begins_and_ends_all_the_same(gateway, monkeypatch):
    def refuse(_errand):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_aside, "run_aside", refuse)
    with TestClient(APPS["FastAPI"]) as client:
        client.get("/")

    assert gateway.ledger().exported == 1


def test_importing_it_imports_no_server():
    program = "import sys, telemetry_actors.hosts.asgi; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    servers = {"anyio", "fastapi", "starlette", "trio", "uvicorn", "uvloop"}
    assert servers & set(answer.stdout.split()) == set()


def ids_of(recording):
    return [dict(zip(log.keys, log.values, strict=True))["dify.app_id"] for log in recording.logs]
