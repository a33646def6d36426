"""Threads, locks and sockets of the operating system, also in a host that gevent has patched.

The only file that knows about gevent (ADR-0018). Where gevent patches `threading`, a "thread" is
a greenlet on the host's hub, and whatever it does holds up every request of the host. So the tree
runs on native threads there too, with locks, sockets and look-ups as they were before the patch,
whether that came before our import or after it. Nothing here imports gevent; without it every name
is the standard library's own.

A greenlet that waits for the tree (`flush`, `stop`, `ask`) lets its hub go on meanwhile; see
`wait`. Code of the host's that may count on its hub is run there: `call_host`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    import socket
    from _thread import LockType, RLock, allocate_lock, get_ident
    from queue import SimpleQueue
    from threading import Lock

__all__ = [
    "Lock",
    "RLock",
    "SimpleQueue",
    "acquire",
    "allocate_lock",
    "begin",
    "call_host",
    "forget_threads",
    "gently",
    "get_ident",
    "has_greenlets",
    "is_patched",
    "note_hub",
    "original",
    "run_as_ours",
    "sleep",
    "unpatched",
    "wait",
    "wait_for",
]

T = TypeVar("T")
P = ParamSpec("P")
_FIRST_LOOK_S: Final = 0.001
_LAST_LOOK_S: Final = 0.02
_SIGNALS_S: Final = 0.5
"""How long Ctrl-C may go unnoticed in a wait of the main thread."""
_RUN_S: Final = 0.001
_PAUSE_S: Final = 50e-6
"""Long enough that a waiting thread has the GIL before we ask for it again."""
_WRITE, _READ = 4, 1  # POLLOUT, POLLIN


def original(module: str, name: str) -> Any:
    """*name* of *module* as it is, or was before gevent patched it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and hasattr(monkey, "get_original"):
        return monkey.get_original(module, name)
    return getattr(import_module(module), name)


def is_patched(module: str) -> bool:
    """Whether gevent has patched *module* by now."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched(module))


def has_greenlets() -> bool:
    """Whether threads of this process may be greenlets; nobody may wait on a hub's thread then."""
    return "gevent" in sys.modules or "eventlet" in sys.modules


if not TYPE_CHECKING:
    get_ident = original("_thread", "get_ident")

    # Looked up each time: with eventlet, which replaces them as well, threads stay green
    # whether it came before us or after, and locks are of their kind.

    def allocate_lock():
        """`_thread.allocate_lock`."""
        return original("_thread", "allocate_lock")()

    Lock = allocate_lock

    def RLock():  # noqa: N802 -- as it is called everywhere
        """`threading.RLock`."""
        return original("_thread", "RLock")()

    def SimpleQueue():  # noqa: N802
        """`queue.SimpleQueue`."""
        return original("queue", "SimpleQueue")()


sleep = original("time", "sleep")
_now_s = time.monotonic  # noqa: TID251 -- of waits on the machine's clock alone


# -- threads ------------------------------------------------------------------------------------

_OURS: set[int] = set()
"""Idents of the threads that were started here: they wait as threads do."""


def begin(run: Callable[..., object], *arguments: object) -> None:
    """Call *run* on a native thread that nobody joins. Any thread, re-entrant, no lock, no wait.

    It may never run, and say nothing of it, where there is no memory for its first step
    (`thread.py`); the thread alone holds *arguments*.

    Raises:
        RuntimeError: no thread can be started.
    """
    original("_thread", "start_new_thread")(run_as_ours, (run, *arguments))


def run_as_ours(run: Callable[..., object], *arguments: object) -> None:
    """Everything that a thread of ours does: its waits are a thread's, whatever is patched."""
    ident = get_ident()
    _OURS.add(ident)
    try:
        run(*arguments)
    finally:
        _OURS.discard(ident)
        _forget_this_thread()


def _forget_this_thread() -> None:
    """Logging or a join has made it known to `threading`, where 3.11 keeps it for ever."""
    known, ident = getattr(threading, "_active", {}), threading.get_ident()
    if isinstance(known.get(ident), threading._DummyThread):
        known.pop(ident, None)


# -- waiting --------------------------------------------------------------------------------------


def acquire(token: LockType, timeout_s: float | None) -> bool:
    """Acquire *token*, for at most *timeout_s* seconds (None = for ever); a hub goes on meanwhile.

    A greenlet looks again and again, at growing intervals: 1 ms, at last 20 ms. In the hub itself
    (a signal handler may run there) nobody can be let on, and the wait blocks.

    Returns:
        The caller has it.
    """
    if "gevent" in sys.modules and (gevent := _gevent_here()) is not None:
        return _acquire_on_hub(gevent, token, timeout_s)
    if get_ident() == threading.main_thread().ident:
        return _acquire_on_main(token, timeout_s)
    if timeout_s is None:
        return token.acquire()
    if timeout_s > 0:
        return token.acquire(True, min(timeout_s, threading.TIMEOUT_MAX))
    return token.acquire(False)


def _acquire_on_main(token: LockType, timeout_s: float | None) -> bool:
    """Where signals are handled, it looks up now and then.

    One that comes as the thread is about to wait, and has let go of the GIL, doesn't end the wait:
    Python would see to it, and to Ctrl-C, when the wait is over.
    """
    until_s = None if timeout_s is None else _now_s() + timeout_s
    while True:
        left_s = _SIGNALS_S if until_s is None else until_s - _now_s()
        if left_s <= 0:
            return token.acquire(False)
        if token.acquire(True, min(left_s, _SIGNALS_S)):
            return True


def wait(token: LockType, timeout_s: float | None) -> None:
    """`acquire`, for who looks for himself at what has become true."""
    acquire(token, timeout_s)


def _gevent_here() -> object:
    """gevent, if the caller is a greenlet that others wait for; else None."""
    if get_ident() in _OURS:
        return None
    gevent, hub = sys.modules["gevent"], _hub()
    return None if hub is None or gevent.getcurrent() is hub else gevent


def _hub() -> object:
    """Of the calling thread, if it has one."""
    local = sys.modules.get("gevent._hub_local")
    return None if local is None else local.get_hub_if_exists()


def _acquire_on_hub(gevent: Any, token: LockType, timeout_s: float | None) -> bool:
    until_s = None if timeout_s is None else _now_s() + timeout_s
    pause_s = _FIRST_LOOK_S
    while not token.acquire(False):
        left_s = pause_s if until_s is None else until_s - _now_s()
        if left_s <= 0:
            return False
        gevent.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, _LAST_LOOK_S)
    return True


# -- the host's code ------------------------------------------------------------------------------

_HUBS: dict[str, Any] = {}


def note_hub() -> None:
    """Remember the main thread's hub for `call_host`, if the caller is there. Never waits."""
    if not is_patched("threading"):
        return
    hubs: Any = sys.modules.get("gevent.hub")
    if hubs is not None and get_ident() == hubs.MAIN_THREAD_IDENT:
        _HUBS["host"] = hubs.get_hub()  # no other is sure to be run by somebody


def forget_threads() -> None:
    """In the child of a fork: no thread of ours is here, and no hub but that of this thread.

    Its ident may be another thread's by and by, which would then wait as ours do.
    """
    _OURS.clear()
    if _HUBS.pop("host", None) is not None:
        note_hub()


def call_host(call: Callable[[], T]) -> T:
    """Make a call into the host's code: in a greenlet of its hub, if it has one; else here.

    What it starts there, waits for or hands on is of that hub; on a native thread it would be of a
    hub that nobody runs.

    Raises:
        BaseException: what *call* raised.
    """
    hub = _HUBS.get("host")
    if hub is None or get_ident() not in _OURS or not is_patched("threading"):
        return call()
    token, results, errors = allocate_lock(), list[T](), list[BaseException]()
    token.acquire()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 -- raised where it was asked for
            errors.append(error)
        finally:
            token.release()

    hub.loop.run_callback_threadsafe(sys.modules["gevent"].spawn, run)
    token.acquire()
    if errors:
        raise errors[0]
    return results[0]


# -- the GIL, which a hub can't do without ---------------------------------------------------------


def gently(step: Callable[P, T]) -> Callable[P, T]:
    """*step*, letting go of the GIL for a moment after each millisecond of such steps.

    For loops over a batch on a thread of the tree, beside a hub: else a hub that wakes waits for
    the switch interval (5 ms), and for as much again for each other thread that is quicker than
    it. Without gevent it is *step* itself.
    """
    if "gevent" not in sys.modules:
        return step
    return _gently(step)


def _gently(step: Callable[P, T]) -> Callable[P, T]:
    since_s = _now_s()

    def gentle(*args: P.args, **more: P.kwargs) -> T:
        nonlocal since_s
        result = step(*args, **more)
        if _now_s() - since_s > _RUN_S:
            sleep(_PAUSE_S)
            since_s = _now_s()
        return result

    return gentle


# -- sockets --------------------------------------------------------------------------------------


def unpatched(connection: socket.socket) -> socket.socket:
    """*connection* as a socket that is bound to no hub; the given one is used up by that."""
    plain = original("socket", "socket")
    if isinstance(connection, plain) or type(connection) is not import_module("socket").socket:
        return connection  # nothing to do, or TLS
    family, kind, protocol = connection.family, connection.type, connection.proto
    timeout_s = connection.gettimeout()
    native: socket.socket = plain(family, kind, protocol, fileno=connection.detach())
    native.settimeout(timeout_s)
    return native


def wait_for(connection: object, timeout_s: float, *, to_write: bool = False) -> bool:
    """Whether *connection* can be read from (or written to) within *timeout_s* seconds."""
    try:
        poll = original("select", "poll")()
    except AttributeError:  # Windows
        found = original("select", "select")
        wanted = [connection]
        return any(found([] if to_write else wanted, wanted if to_write else [], [], timeout_s))
    poll.register(connection, _WRITE if to_write else _READ)
    return bool(poll.poll(timeout_s * 1e3))
