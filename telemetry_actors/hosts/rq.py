"""rq workers: what a job emits is delivered before its work-horse leaves.

    rq worker --worker-class telemetry_actors.hosts.rq.Worker

A `Worker` forks a work-horse for each job (a `SpawnWorker` starts one), which leaves by
``os._exit`` when the job is done: nothing of Python's own exit runs there. Here the work-horse
stops its gateways at the end of the job, after the result has been stored, within
``lifecycle.exit_timeout_s``; what can't be delivered in that time is counted and said in one line.
A `SimpleWorker` runs jobs in the worker's own process, which ends as Python does.

A work-horse that is killed (a cold shutdown of the worker, a job that is stopped by command or is
60 s over its time) runs nothing at all: what it had not sent by then is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import rq.worker

from telemetry_actors.hosts._beginning import import_for_children
from telemetry_actors.lifecycle.exit import end_process
from telemetry_actors.lifecycle.kits import note_kit

__all__ = ["DeliversAfterJob", "SimpleWorker", "SpawnWorker", "Worker"]

if TYPE_CHECKING:

    class _Base:
        """What the mixin is mixed into."""

        @property
        def is_horse(self) -> bool:
            """This process was made for one job."""

        def perform_job(self, *args: object, **named: object) -> bool:
            """Do it."""

        def work(self, *args: object, **named: object) -> bool:
            """Take jobs until told to stop."""
else:
    _Base = object


class DeliversAfterJob(_Base):
    """For worker classes of one's own: ``class MyWorker(DeliversAfterJob, RoundRobinWorker)``."""

    def work(self, *args: object, **named: object) -> bool:
        """As in rq. The worker's main thread."""
        note_kit("rq")
        import_for_children()
        return super().work(*args, **named)

    def perform_job(self, *args: object, **named: object) -> bool:
        """As in rq. The main thread of the work-horse, or of the worker where there is none."""
        note_kit("rq")
        try:
            return super().perform_job(*args, **named)
        finally:
            if self.is_horse:
                end_process()


class Worker(DeliversAfterJob, rq.worker.Worker):
    """`rq.Worker` whose work-horses deliver."""


class SpawnWorker(DeliversAfterJob, rq.worker.SpawnWorker):
    """`rq.SpawnWorker` whose work-horses deliver."""


class SimpleWorker(DeliversAfterJob, rq.worker.SimpleWorker):
    """`rq.SimpleWorker`; it has no work-horses, and is here so that one name can be set for all."""
