"""The gateway in an event loop: what waits in `start`, `flush` and `stop` waits beside the loop.

A call that waits runs on a thread of its own and wakes the task that asked for it. Not on a
thread of the loop's pool, which may be full of stuck work or shut down. asyncio, whatever its loop
(uvloop), and trio, and so anyio on either; no import of any of them, nor of a library that tells
them apart: who runs us has been imported, and says itself whether a task of its own is running.

A task that is cancelled waits no longer; the call goes on to its end. Nothing here is the tree's.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from telemetry_actors.life.aside import Asked
from telemetry_actors.lifecycle.report import StopReport

T = TypeVar("T")


class NoThread(RuntimeError):
    """No thread can be started; nothing has been called."""


class AsyncSide:
    """The part of `TelemetryGateway` that is awaited: asyncio, uvloop, trio, anyio.

    ``async with gateway:`` starts it, and the block ends with `astop`.
    """

    if TYPE_CHECKING:  # the gateway's own

        def start(self) -> Self: ...  # noqa: D102

        def flush(self, timeout_s: float = 10.0, *, own: bool = False) -> bool: ...  # noqa: D102

        def stop(self, timeout_s: float | None = None) -> StopReport: ...  # noqa: D102

    async def aflush(self, timeout_s: float = 10.0, *, own: bool = False) -> bool:
        """`TelemetryGateway.flush`, while the event loop goes on.

        Each call has a thread of its own while it waits (also when it has been cancelled: until
        *timeout_s* is over), so this is for the end of a job and not for each request.

        Args:
            timeout_s: the longest to wait.
            own: only for what this process has accepted.

        Returns:
            As `TelemetryGateway.flush`. False as well where no thread can be started.

        Raises:
            RuntimeError: no task of asyncio or trio is running here.
        """
        try:
            return await run_beside(lambda: self.flush(timeout_s, own=own))
        except NoThread:
            return False

    async def astop(self, timeout_s: float | None = None) -> StopReport:
        """`TelemetryGateway.stop`, while the event loop goes on.

        If the task is cancelled the stop goes on in the background: the next `astop` or `stop`
        waits for it, and gets the same report. Only where no thread can be started does the loop
        wait, since nobody else could stop it.

        Args:
            timeout_s: the longest that it may take; ``lifecycle.stop_timeout_s`` by default.

        Returns:
            As `TelemetryGateway.stop`.

        Raises:
            RuntimeError: no task of asyncio or trio is running here.
        """
        try:
            return await run_beside(lambda: self.stop(timeout_s))
        except NoThread:
            return self.stop(timeout_s)

    async def __aenter__(self) -> Self:
        try:
            await run_beside(self.start)
        except NoThread:
            self.start()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.astop()


async def run_beside(call: Callable[[], T]) -> T:
    """Run *call* on a thread of its own, and wait for it without holding up the event loop.

    If the waiting task is cancelled, *call* goes on, and what it gives or raises is nobody's.

    Raises:
        NoThread: no thread can be started.
        RuntimeError: no task of asyncio or trio is running here.
    """
    wake, woken = _how_to_wake()
    asked = Asked(call, wake)
    try:
        asked.aside()
    except RuntimeError as error:
        raise NoThread(str(error)) from error
    await woken()
    return asked.answer()


_Wake = tuple[Callable[[], None], Callable[[], Awaitable[object]]]


def _how_to_wake() -> _Wake:
    """What wakes this task from another thread, and what it waits on meanwhile.

    trio is asked first: where it runs as the guest of an asyncio loop, there is one of both, and a
    task of asyncio's is none of trio's.
    """
    trio: object = sys.modules.get("trio")
    if trio is not None and _is_trio_task(trio):
        return _trio_wake(trio)
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        return _asyncio_wake(asyncio.get_running_loop())
    raise RuntimeError("aflush(), astop() and 'async with' need a task of asyncio or trio")


def _is_trio_task(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except (AttributeError, RuntimeError):  # half imported; none of trio's is running
        return False
    return True


def _trio_wake(trio: Any) -> _Wake:
    event, token = trio.Event(), trio.lowlevel.current_trio_token()

    def wake() -> None:
        with suppress(RuntimeError):  # trio.run() is over: nobody waits
            token.run_sync_soon(event.set)

    return wake, event.wait


def _asyncio_wake(loop: Any) -> _Wake:
    future = loop.create_future()

    def settle() -> None:
        if not future.done():  # cancelled, then
            future.set_result(None)

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle)

    async def woken() -> None:
        await future

    return wake, woken
