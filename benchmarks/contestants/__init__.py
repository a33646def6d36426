"""Who is measured: one file each, as a user of that library would write it.

Set-up is what its documentation shows, with its defaults; only the room of its queue is larger, so
that nobody drops in a flood.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import NamedTuple

from benchmarks.contestants.base import Contestant, Maker

__all__ = ["CONTESTANTS", "OURS", "Contestant", "Entry", "Maker", "missing", "module_of"]

OURS = "telemetry-actors"


class Entry(NamedTuple):
    """A contestant, by what one has to know before it runs."""

    module: str
    sends: str
    """``all``: the same logs, spans and metrics as we do. ``records``: one span or log record with
    the same attributes for each event. ``none``: nothing leaves the process."""
    needs: tuple[str, ...] = ()
    """What must be importable."""
    about: str = ""
    redis: bool = False
    """A ``redis-server`` must be there, too."""


CONTESTANTS = {
    OURS: Entry("ours", "all", (), "emit() into the supervised tree"),
    "opentelemetry-sdk": Entry("sdk", "all", (), "called directly, batch processors, OTLP/HTTP"),
    "fastotel": Entry("fastotel", "records", ("fastotel",), "the SDK's spans, exported by Rust"),
    "honeycomb-pycpp": Entry(
        "honeycomb", "records", ("honeycomb_pycpp",), "log records of the C++ SDK"
    ),
    "celery": Entry(
        "celery",
        "all",
        ("celery", "redis"),
        ".delay(), a real Redis, a worker that exports",
        redis=True,
    ),
    "pykka": Entry("pykka", "all", ("pykka",), "a message per event and hop, the SDK at the end"),
    "logging": Entry("logging", "none", (), "QueueHandler, its listener writes to nowhere"),
    "queue.Queue": Entry("queue", "none", (), "put(), and a thread that throws away"),
    "nothing": Entry("nothing", "none", (), "the loop alone"),
}


def missing(name: str) -> str:
    """Why that contestant (or ``redis``) can't run here; "" if it can."""
    entry = CONTESTANTS.get(name)
    for module in entry.needs if entry is not None else ():
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    if entry is None or entry.redis:
        from tests.servers.redis import redis_server

        try:
            redis_server()
        except LookupError as why:
            return str(why)
    return ""


def module_of(name: str) -> Maker:
    """Its file, imported."""
    module: Maker = importlib.import_module(f"benchmarks.contestants.{CONTESTANTS[name].module}")
    return module
