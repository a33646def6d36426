"""gunicorn, for its configuration file; nothing is lost without it.

    from telemetry_actors.hosts.gunicorn import post_worker_init, worker_exit

A gunicorn worker ends as Python does, and what it has emitted gets out then. With these two lines
it gets out a little earlier, while threads can still be started (gevent workers on Python 3.12
need that), and what an earlier worker left in the journal is sent when the next one has booted,
instead of at its first event. A worker class that ends by raising SIGTERM again (uvicorn's) calls
no ``worker_exit``: the ASGI kit is for it.
"""

from __future__ import annotations

from telemetry_actors.hosts._beginning import begin_worker
from telemetry_actors.lifecycle.exit import end_process
from telemetry_actors.lifecycle.kits import note_kit

__all__ = ["post_worker_init", "worker_exit"]


def post_worker_init(worker: object) -> None:  # noqa: ARG001
    """A worker has loaded the application. Its main thread; gunicorn gives the names."""
    note_kit("gunicorn")
    begin_worker()


def worker_exit(server: object, worker: object) -> None:  # noqa: ARG001
    """A worker has served its last request. Its main thread."""
    end_process()
