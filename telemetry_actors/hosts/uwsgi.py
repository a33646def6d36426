"""uWSGI: nothing of ours is in the master when it forks, and a worker delivers at its end.

    application = ...
    telemetry_actors.hosts.uwsgi.install()    # the last line of the module that uWSGI loads

Without ``lazy-apps`` the module is loaded in the master, whose workers are then forked in C: a
thread that runs in the master at that moment may hold what a worker needs for ever. So what the
master has emitted is delivered here, and its gateway stopped; each worker begins anew by itself.
A worker that ends calls ``uwsgi.atexit``, also with ``skip-atexit-teardown``, where Python's own
exit is left out. It calls nothing at all if it is killed, or if it is told to go in the middle of
a request: uWSGI's graceful stop is for that (``gracefully_kill_them_all``).

Where ``uwsgi.opt`` says that threads are off (before 2.0.24 they are, without ``enable-threads``)
nothing is sent before the worker's end, and a WARNING says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from telemetry_actors.base.log import say_at_the_end
from telemetry_actors.hosts._beginning import begin_worker, import_for_children
from telemetry_actors.lifecycle.exit import end_process, running, say_what_was_lost, stop_all
from telemetry_actors.lifecycle.kits import is_installed, note_kit

__all__ = ["install"]

_ON_SINCE = (2, 0, 24)
"""The version that turns threads on unless told otherwise."""


def install() -> bool:
    """Deliver what this process has emitted, and have the workers do so when they end. Idempotent.

    The last line of the module that uWSGI loads, with and without ``lazy-apps``: what is emitted in
    the master after it is refused as ``stopping``. Main thread.

    Returns:
        False: this is no process of uWSGI's, and nothing was done.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    if uwsgi is None:
        return False
    if _is_master(uwsgi):
        _deliver_before_the_fork()
    if is_installed("uwsgi"):
        return True
    note_kit("uwsgi")
    if _is_master(uwsgi):
        import_for_children()
    else:
        begin_worker()
    uwsgi.post_fork_hook = _then(getattr(uwsgi, "post_fork_hook", None), begin_worker)
    uwsgi.atexit = _then(getattr(uwsgi, "atexit", None), end_process)
    if not _has_threads(uwsgi) and uwsgi.worker_id() in (0, 1):
        say_at_the_end(
            "uWSGI runs without threads: no event is sent before a worker ends."
            " Set enable-threads = true"
        )
    return True


def _is_master(uwsgi: Any) -> bool:
    """This process loads the application and serves none of its requests."""
    return bool(uwsgi.masterpid()) and uwsgi.masterpid() == os.getpid()


def _deliver_before_the_fork() -> None:
    left = running()
    if left:
        say_what_was_lost(stop_all(left), say_at_the_end, left)


def _then(users: Callable[[], object] | None, ours: Callable[[], None]) -> Callable[[], None]:
    """A hook that calls the user's own first, which may emit."""

    def both() -> None:
        try:
            if users is not None:
                users()
        finally:
            ours()

    return both


def _has_threads(uwsgi: Any) -> bool:
    options = {_text(name): value for name, value in uwsgi.opt.items()}
    if options.keys() & {"enable-threads", "threads"}:
        return True
    return tuple(uwsgi.version_info[:3]) >= _ON_SINCE and "disable-threads" not in options


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
