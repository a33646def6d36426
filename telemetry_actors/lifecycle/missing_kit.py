"""Which host this process is a part of, if that host's end loses events and no kit is in use.

By what the host has imported and says of itself in public; nothing is imported here. Asked when
an event has started a tree that nobody else has, so that nobody will stop it: on the tree's
thread, never in `emit`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final

from telemetry_actors.lifecycle.kits import is_installed

Modules = Mapping[str, Any]

_UVICORN: Final = (
    "uvicorn ends without Python's exit, and what is queued then is lost: start and stop the"
    " gateway in the application's lifespan (telemetry_actors.hosts.asgi)"
)
_CELERY: Final = (
    "Celery's children end without Python's exit, and what is queued then is lost: call"
    " telemetry_actors.hosts.celery.install(app) where the application is made"
)
_RQ: Final = (
    "rq's work-horses end without Python's exit, and what is queued then is lost: start the"
    " worker with --worker-class telemetry_actors.hosts.rq.Worker"
)
_UWSGI: Final = (
    "uWSGI may end a worker without Python's exit, and what is queued then is lost: call"
    " telemetry_actors.hosts.uwsgi.install() at the end of the module that it loads"
)
_POOL: Final = (
    "a Pool that is terminated (the end of its with block does so) loses what is queued in its"
    " workers: close() and join() it, or make it with"
    " Pool(initializer=telemetry_actors.lifecycle.stop_on_sigterm)"
)


def advice(modules: Modules) -> str | None:
    """What is lost here and which line is missing, in one sentence; None: all is well.

    Args:
        modules: as `sys.modules`.
    """
    for kit, is_here, words in _HOSTS:
        if not _is_in_use(kit, modules) and is_here(modules):
            return words
    return None


def _is_in_use(kit: str, modules: Modules) -> bool:
    """Two begin after the application has been imported, which may emit meanwhile."""
    begins_later = kit in ("asgi", "uwsgi") and f"telemetry_actors.hosts.{kit}" in modules
    return begins_later or is_installed(kit)


def _serves_by_uvicorn(modules: Modules) -> bool:
    """A server of uvicorn's has SIGTERM, which it raises again at its end: no exit hook runs."""
    server: object = getattr(modules.get("uvicorn.server"), "Server", None)
    owner = getattr(_on_sigterm(), "__self__", None)
    return isinstance(server, type) and isinstance(owner, server)


def _is_celery_child(modules: Modules) -> bool:
    return "celery" in modules and _is_pool_worker(modules, "billiard")


def _is_pool_child(modules: Modules) -> bool:
    """`Pool.terminate`, so the end of a ``with`` block too, sends SIGTERM: fatal by default."""
    return _on_sigterm() is signal.SIG_DFL and _is_pool_worker(modules, "multiprocessing")


def _is_pool_worker(modules: Modules, package: str) -> bool:
    """Of a ``Pool``, which names its processes so."""
    process: Any = modules.get(f"{package}.process")
    if process is None:
        return False
    current = process.current_process()
    return current.daemon and "PoolWorker-" in current.name


def _is_work_horse(modules: Modules) -> bool:
    """It leads a process group of its own, and rq's worker has told it which job it is for.

    The worker itself knows the job, too, but has a handler of SIGTERM.
    """
    if "rq.worker" not in modules or "RQ_JOB_ID" not in os.environ:
        return False
    return os.getpgrp() == os.getpid() and not callable(_on_sigterm())


def _is_uwsgi(modules: Modules) -> bool:
    return "uwsgi" in modules


def _on_sigterm() -> object:
    return signal.getsignal(signal.SIGTERM)


_HOSTS: Final[tuple[tuple[str, Callable[[Modules], bool], str], ...]] = (
    ("asgi", _serves_by_uvicorn, _UVICORN),
    ("celery", _is_celery_child, _CELERY),
    ("rq", _is_work_horse, _RQ),
    ("uwsgi", _is_uwsgi, _UWSGI),
    ("pool", _is_pool_child, _POOL),
)
