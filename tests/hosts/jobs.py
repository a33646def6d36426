"""Hosts that take jobs from a Redis: Celery's workers and rq's, and what sends them jobs.

Each test has a queue of its own, named by its mark.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import redis
import rq
from celery import Celery

from tests.hosts.processes import until

__all__ = ["CeleryQueue", "RqQueue"]

_NUMBERS = itertools.count()
_ANSWER_S = 40.0


def _new_ids(count: int) -> list[str]:
    return [f"job-{next(_NUMBERS)}" for _ in range(count)]


class CeleryQueue:
    """Sends tasks to the workers of a test."""

    def __init__(self, url: str, mark: str, folder: Path) -> None:
        self._app = Celery("sender", broker=url, backend=url, set_as_current=False)
        self._app.conf.task_default_queue = mark
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._app.close()

    def send(self, count: int) -> dict[str, str]:
        """So many tasks, all done; what each has answered, by app id."""
        ids = _new_ids(count)
        return self._answers(ids, [self._app.send_task("work", (app_id,)) for app_id in ids])

    @contextmanager
    def held(self, count: int) -> Iterator:
        """So many tasks are being done in the block; what it gets lets them go on, and answers."""
        ids = _new_ids(count)
        results = [self._app.send_task("hold", (app_id,)) for app_id in ids]
        until(lambda: all((self._folder / f"begun-{one}").exists() for one in ids))

        def go_on() -> dict[str, str]:
            (self._folder / "release").touch()
            return self._answers(ids, results)

        yield go_on

    def _answers(self, ids, results) -> dict[str, str]:
        return {
            app_id: result.get(timeout=_ANSWER_S)
            for app_id, result in zip(ids, results, strict=True)
        }


class RqQueue:
    """Puts jobs into the queue of a test."""

    def __init__(self, url: str, mark: str) -> None:
        self._redis = redis.Redis.from_url(url)
        self._queue = rq.Queue(mark, connection=self._redis)
        self._jobs: dict[str, rq.job.Job] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    def put(self, count: int) -> None:
        """So many jobs."""
        for app_id in _new_ids(count):
            self._jobs[app_id] = self._queue.enqueue("tests.hosts.apps.work.work", app_id)

    def until_done(self) -> None:
        """All have been."""
        until(lambda: len(self.answers()) == len(self._jobs), within_s=_ANSWER_S)

    def answers(self) -> dict[str, str]:
        """Of those that are done, by app id."""
        found = {}
        for app_id, job in self._jobs.items():
            result = job.latest_result()
            if result is not None and result.type is rq.results.Result.Type.SUCCESSFUL:
                found[app_id] = result.return_value
        return found
