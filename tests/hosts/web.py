"""A host that serves HTTP on a free port of loopback, and requests to it.

with WebServer("gunicorn -b :{port} -w 2 app:app", folder, mark, settings, workers=2) as server:
    answers = server.send(60, at_once=4)
"""

from __future__ import annotations

import http.client
import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import tenacity

from tests.hosts.processes import Host, until
from tests.servers.redis import free_port

__all__ = ["Answer", "WebServer"]

_NUMBERS = itertools.count()
_START_S = 30.0
_ANSWER_S = 20.0
_ASK_AT_ONCE = 4
"""Connections at the same time, so that more than one worker has something to do."""


class Answer(NamedTuple):
    """To one request."""

    app_id: str
    status: int
    """0: there was none."""
    admission: str
    pid: str
    """Of the process that has served it."""


class _PortTakenError(Exception):
    """The server has ended before it answered: most likely somebody took its port."""


class WebServer(Host):
    """The command says ``{port}`` where the port goes.

    Args:
        workers: processes of it that serve requests; it is up when each has answered one. (A
            signal that comes while a worker boots is the server's affair.)
    """

    def __init__(
        self,
        command: str,
        folder: Path,
        mark: str,
        environment: Mapping[str, str],
        *,
        workers: int = 1,
    ) -> None:
        super().__init__(command, folder, mark, environment)
        self._template = command
        self._workers = workers
        self._folder = folder
        self.port = 0

    def start(self) -> None:
        """Return once each worker answers; another port is tried where one was taken."""
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_after_attempt(3),
            retry=tenacity.retry_if_exception_type(_PortTakenError),
            reraise=True,
        ):
            with attempt:
                self._start_once()

    def _start_once(self) -> None:
        self.port = free_port()
        self.command = self._template.format(port=self.port)
        super().start()
        pids: set[str] = set()
        try:
            with ThreadPoolExecutor(_ASK_AT_ONCE) as threads:
                until(lambda: self._have_answered(threads, pids), within_s=_START_S)
        except BaseException:
            self.kill()
            raise

    def _have_answered(self, threads: ThreadPoolExecutor, pids: set[str]) -> bool:
        if self.has_ended():
            raise _PortTakenError(self.errors()[-3000:] + self.out()[-1000:])
        for status, body in threads.map(lambda _: self._ask("/who"), range(_ASK_AT_ONCE)):
            mark, _, pid = body.partition(" ")
            if status == 200 and mark == self.mark:
                pids.add(pid)
        return len(pids) >= self._workers

    def send(self, count: int, *, at_once: int = 1, keep_alive: bool = False) -> list[Answer]:
        """So many requests, and more until each worker has served some of them.

        Args:
            at_once: threads that send; each has one connection, or with *keep_alive* off one
                for each request.
        """
        answers: list[Answer] = []
        with ThreadPoolExecutor(at_once) as threads:
            for _ in range(20):
                ids = [[self.new_id() for _ in range(count // at_once)] for _ in range(at_once)]
                for some in threads.map(lambda ids: self._ask_all(ids, keep_alive), ids):
                    answers += some
                if len({answer.pid for answer in answers} - {""}) >= self._workers:
                    return answers
        raise AssertionError(f"one worker has served all of {len(answers)} requests")

    @contextmanager
    def held(self, count: int) -> Iterator[Callable[[], list[Answer]]]:
        """So many requests are being served in the block; calling what it gets lets them go on."""
        release = self._folder / "release"
        with ThreadPoolExecutor(count) as threads:
            ids = [self.new_id() for _ in range(count)]
            waiting = [threads.submit(self._answer, "hold", app_id) for app_id in ids]

            def go_on() -> list[Answer]:
                release.touch()
                return [one.result() for one in waiting]

            try:
                until(lambda: all((self._folder / f"begun-{one}").exists() for one in ids))
                yield go_on
            finally:
                go_on()

    def durable(self) -> dict[str, int]:
        """What the processes that answer just now say of their journals, by process."""
        with ThreadPoolExecutor(_ASK_AT_ONCE) as threads:
            said = [body.split() for _, body in threads.map(self._ask, ["/durable"] * 8)]
        return {pid: int(count) for count, pid in said}

    def new_id(self) -> str:
        """An app id that no other request of this run has."""
        return str(next(_NUMBERS))

    def _ask_all(self, ids: list[str], keep_alive: bool) -> list[Answer]:
        if not keep_alive:
            return [self._answer("work", app_id) for app_id in ids]
        with closing(self._connection()) as connection:
            return [_read(app_id, *_get(connection, f"/work/{app_id}")) for app_id in ids]

    def _answer(self, what: str, app_id: str) -> Answer:
        return _read(app_id, *self._ask(f"/{what}/{app_id}"))

    def _ask(self, path: str) -> tuple[int, str]:
        with closing(self._connection()) as connection:
            return _get(connection, path)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_S)


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    connection.close()
    return 0, ""


def _read(app_id: str, status: int, body: str) -> Answer:
    admission, _, pid = body.partition(" ")
    return Answer(app_id, status, admission, pid)
