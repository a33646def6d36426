"""Celery workers: what tasks emit is delivered before a pool's process leaves.

    app = Celery(...)
    telemetry_actors.hosts.celery.install(app)

A prefork child leaves by ``os._exit``, so nothing of Python's own exit runs there: not when it is
recycled, not at a warm and not at a cold stop. Celery sends ``worker_process_shutdown`` before,
on the child's main thread; there every gateway of the child is stopped, within
``lifecycle.exit_timeout_s``. A cold stop may follow its SIGTERM by another one in the middle of
that, which is left out until we are done. The other pools (threads, solo, gevent, eventlet) have
one process, which ends as Python does, and need nothing.

A child that is killed (a hard time limit, ``SIGKILL``, the kernel short of memory) runs nothing at
all. What it had not sent by then is gone, unless each task waits for its own events
(*flush_each_task_s*) or there is a journal.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from supervisors import SystemClock
from telemetry_actors.hosts._beginning import import_for_children
from telemetry_actors.lifecycle.exit import end_process, running
from telemetry_actors.lifecycle.kits import note_kit

__all__ = ["install"]

_LEFT_OUT: Final = ("SIGTERM", "SIGQUIT")
"""What a cold stop sends to children that are on their way out already."""

_now_s = SystemClock().now_s


def install(app: object = None, *, flush_each_task_s: float = 0.0) -> None:  # noqa: ARG001 -- says where
    """Have the processes of a Celery worker deliver what their tasks have emitted. Idempotent.

    Where the application is made; before the worker starts. Harmless in processes that only send
    tasks. Any thread.

    Args:
        app: not looked at; Celery's signals are those of all applications of a process.
        flush_each_task_s: the longest that a prefork child may wait after a task for what it has
            emitted, in seconds. 0: no wait. With it a child that is killed loses only what the
            last task has emitted; its result may be known by then. Each task takes a request's
            time longer. Of several calls the largest counts.

    Raises:
        ModuleNotFoundError: celery is not installed.
        ValueError: *flush_each_task_s* is no number of seconds.
    """
    from celery import signals

    if not 0 <= flush_each_task_s < math.inf:
        raise ValueError(f"flush_each_task_s = {flush_each_task_s}: must be 0 or more seconds")
    note_kit("celery")
    _Kit.flush_each_task_s = max(_Kit.flush_each_task_s, flush_each_task_s)
    signals.worker_init.connect(_worker_begins, dispatch_uid=f"{__name__}.worker")
    signals.worker_process_init.connect(_child_begins, dispatch_uid=f"{__name__}.begin")
    signals.worker_process_shutdown.connect(_child_ends, dispatch_uid=f"{__name__}.end")
    if flush_each_task_s > 0:
        signals.task_postrun.connect(_task_ends, dispatch_uid=f"{__name__}.task")


class _Kit:
    flush_each_task_s = 0.0
    in_a_child = False
    """This process runs tasks one at a time, and may be killed by itself."""


def _worker_begins(**_said: object) -> None:
    """In the worker's main process, before it forks."""
    import_for_children()


def _child_begins(**_said: object) -> None:
    """In a new child, its main thread: from now on we are the last that hears of its end."""
    from celery import signals

    _Kit.in_a_child = True
    uid = f"{__name__}.end"
    signals.worker_process_shutdown.disconnect(dispatch_uid=uid)
    signals.worker_process_shutdown.connect(_child_ends, dispatch_uid=uid)


def _child_ends(**_said: object) -> None:
    """The child's main thread, with ``os._exit`` to follow."""
    with _undisturbed():
        end_process()


def _task_ends(**_said: object) -> None:
    """After each task: its result is stored, the next one waits. The task's thread."""
    if not _Kit.in_a_child:
        return
    until_s = _now_s() + _Kit.flush_each_task_s
    for gateway in running():
        gateway.flush(max(0.0, until_s - _now_s()), own=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A signal that asks for the end that has begun already doesn't cut it short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {name: signal.signal(getattr(signal, name), signal.SIG_IGN) for name in _LEFT_OUT}
    try:
        yield
    finally:
        for name, handler in before.items():
            if handler is not None:
                signal.signal(getattr(signal, name), handler)
