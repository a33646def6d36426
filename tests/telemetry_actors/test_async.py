"""The gateway in an event loop, with the real ones: nothing waits there, and what is begun ends."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
import trio
import uvloop
from trio._core import _thread_cache

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.life import aside as _aside
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink

_thread_cache.IDLE_TIMEOUT = 0.01  # as a guest trio has a thread, which stays 10 s otherwise
TENANT = {"tenant_id": "acme"}
LONG_S = 8
"""Nobody waits for so long, unless something is wrong."""


def by_anyio(backend, **options):
    return lambda main: anyio.run(main, backend=backend, backend_options=options)


LOOPS = {
    "asyncio": lambda main: asyncio.run(main()),
    "uvloop": lambda main: uvloop.run(main()),
    "trio": trio.run,
    "anyio on asyncio": by_anyio("asyncio"),
    "anyio on uvloop": by_anyio("asyncio", use_uvloop=True),
    "anyio on trio": by_anyio("trio"),
}
ANYIO = [LOOPS[name] for name in LOOPS if name.startswith("anyio")]
each_loop = pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS)
each_anyio = pytest.mark.parametrize("run", ANYIO, ids=["asyncio", "uvloop", "trio"])


class Gate(RecordingSink):
    """Lets a request through when it is told to."""

    def __init__(self):
        super().__init__()
        self.entered, self.opened = threading.Event(), threading.Event()

    def export(self, kind, encoded, timeout_s):
        self.entered.set()
        if not self.opened.wait(timeout_s):
            return ExportResult(Verdict.RETRY)
        return super().export(kind, encoded, timeout_s)


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.opened.set()


def gateway_with(sink, **settings):
    return TelemetryGateway(TelemetrySettings.enabled(**settings), sinks=[sink])


@pytest.fixture
def gateway(gate):
    made = gateway_with(gate, gateway={"linger_s": 0.01})
    yield made
    gate.opened.set()
    made.stop(LONG_S)


def emit_one(gateway):
    assert gateway.emit("app_created", TENANT, {"app_id": "a"})


@each_loop
def test_a_block_starts_flushes_and_stops(run):
    recording = RecordingSink()

    async def main():
        async with gateway_with(recording) as gateway:
            assert gateway.status().state == "running"
            emit_one(gateway)
            assert await gateway.aflush(LONG_S, own=True)
            assert len(recording.logs) == 1
            emit_one(gateway)
        return gateway

    gateway = run(main)
    assert gateway.is_stopped()
    assert len(recording.logs) == 2
    assert gateway.ledger().balanced()


@each_anyio
@pytest.mark.parametrize("wait", ["aflush", "astop"])
def test_the_loop_goes_on_while_a_call_waits(run, wait, gateway, gate):
    """What it waits for is done by the loop itself: it would never come otherwise."""

    async def main():
        emit_one(gateway)
        became = []

        async def call():
            became.append(await getattr(gateway, wait)(LONG_S))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            while not gate.entered.is_set():
                await anyio.lowlevel.checkpoint()
            assert became == []
            gate.opened.set()
        return became

    (became,) = run(main)
    assert became is True or became.drained
    assert gateway.ledger().exported == 1


@each_anyio
def test_a_stop_that_nobody_waits_for_any_more_comes_to_its_end(run, gateway, gate):
    async def main():
        emit_one(gateway)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gateway.astop, LONG_S)
            while not gate.entered.is_set():
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert gateway.ledger().exported == 0
        gate.opened.set()
        return await gateway.astop(LONG_S)

    report = run(main)
    assert report.drained
    assert report is gateway.stop()
    assert gateway.ledger().exported == 1
    assert gateway.ledger().balanced()


@each_anyio
def test_a_block_that_is_cancelled_stops_all_the_same(run, gateway, gate):
    async def main():
        async with anyio.create_task_group() as tasks, gateway:
            emit_one(gateway)
            tasks.cancel_scope.cancel()
            gate.opened.set()

    run(main)
    assert gateway.stop(LONG_S).drained
    assert gateway.ledger().exported == 1


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_loop_that_is_closed_before_the_end_is_no_ones_trouble(run, gateway, gate):
    """Trouble would be an exception in a thread of ours, which pytest makes an error."""

    async def main():
        emit_one(gateway)
        stopping = asyncio.ensure_future(gateway.astop(LONG_S))
        while not gate.entered.is_set():
            await asyncio.sleep(0)
        stopping.cancel()

    run(main())
    gate.opened.set()
    assert gateway.stop(LONG_S).drained


def test_a_trio_that_is_over_before_the_end_is_no_ones_trouble(gateway, gate):
    async def main():
        emit_one(gateway)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gateway.astop, LONG_S)
            while not gate.entered.is_set():
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    trio.run(main)
    gate.opened.set()
    assert gateway.stop(LONG_S).drained


@pytest.mark.parametrize("pool", ["full", "shut down"])
def test_the_loops_pool_of_threads_is_not_needed(pool, gateway, gate):
    stuck = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        waits = loop.run_in_executor(None, stuck.wait, LONG_S)
        if pool == "shut down":
            stuck.set()
            await loop.shutdown_default_executor()
        async with gateway:
            emit_one(gateway)
            gate.opened.set()
            flushed = await gateway.aflush(LONG_S)
        stuck.set()
        await waits
        return flushed

    assert asyncio.run(main())
    assert gateway.ledger().exported == 1


@pytest.mark.parametrize("guest", ["trio's task", "asyncio's task"])
def test_where_trio_is_the_guest_of_asyncio_each_task_is_woken_by_its_own(guest, gateway, gate):
    gate.opened.set()

    async def in_trio():
        if guest == "trio's task":
            await gateway.astop(LONG_S)
        else:
            await trio.sleep_forever()

    async def main():
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        scope = trio.CancelScope()

        async def cancellable():
            with scope:
                await in_trio()

        trio.lowlevel.start_guest_run(
            cancellable,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda _outcome: over.set(),
        )
        if guest == "asyncio's task":
            await gateway.astop(LONG_S)
            scope.cancel()
        await over.wait()

    asyncio.run(main())
    assert gateway.is_stopped()


def test_without_a_loop_that_we_know_it_is_said(gateway):
    with pytest.raises(RuntimeError, match="asyncio or trio"):
        gateway.astop().send(None)
    assert not gateway.is_stopped()


@each_loop
def test_a_tree_that_can_not_start_is_said_where_the_block_begins(run, monkeypatch):
    gateway = gateway_with(RecordingSink())

    def fail(_life):
        raise ValueError("no tree today")

    monkeypatch.setattr("telemetry_actors.life.starting._build", fail)

    async def main():
        async with gateway:
            raise AssertionError("the block was entered")

    with pytest.raises(ValueError, match="no tree today"):
        run(main)
    gateway.stop()


@each_loop
def test_without_a_thread_to_be_had_a_flush_says_no_and_a_stop_stops(
    run, gateway, gate, monkeypatch
):
    def refuse(_errand):
        raise RuntimeError("can't start new thread")

    gate.opened.set()

    async def main():
        async with gateway:
            emit_one(gateway)
            with monkeypatch.context() as patch:
                patch.setattr(_aside, "run_aside", refuse)
                assert not await gateway.aflush(LONG_S)
                return await gateway.astop(LONG_S)

    assert run(main).drained
    assert gateway.ledger().exported == 1
