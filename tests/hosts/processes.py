"""A host: a program and all the processes that it makes, told apart by a mark in their environment.

with Host("gunicorn -w 2 wsgi:app", folder, mark, environment) as host:
    ...
    host.signal("TERM")
    host.wait(within_s=30)        # how long it took
    host.left()                   # which of its processes are still there

At the end of the block whatever is left is killed.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import tenacity

from tests.hosts.programs import without_causes

__all__ = ["ROOT", "Host", "until"]

ROOT = Path(__file__).parents[2]
_MARK = "HOSTS_MARK"
_GONE_S = 3.0
"""What a helper of the host's (a resource tracker) may take to see that the host has gone."""


class Host:
    """Started by `start`, or as a context manager.

    Args:
        command: as one would type it; its first word is a script beside this interpreter.
        folder: where its output goes, such as ``tmp_path``.
        mark: no other host of this machine has it.
    """

    def __init__(
        self, command: str, folder: Path, mark: str, environment: Mapping[str, str]
    ) -> None:
        self.command = command
        self.mark = mark
        self.code: int | None = None
        self._out, self._errors = folder / f"{mark}.out", folder / f"{mark}.err"
        self._environment = {**environment, _MARK: mark, "HOSTS_FOLDER": str(folder)}
        self._environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self._signalled_s = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """It need not be up when this returns."""
        program, *arguments = shlex.split(self.command)
        with self._out.open("wb") as out, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [script(program), *arguments],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    def has_ended(self) -> bool:
        """The process that was started has."""
        return self._process is None or self._process.poll() is not None

    def signal(self, name: str, pid: int | None = None) -> None:
        """Send ``SIG<name>`` to the process that was started, as an init does, or to *pid*."""
        self._signalled_s = time.monotonic()
        os.kill(self.pid if pid is None else pid, signal.Signals[f"SIG{name}"])

    def wait(self, within_s: float = 30.0) -> float:
        """Until the process that was started has ended; how long since the last signal, in seconds.

        Raises:
            subprocess.TimeoutExpired: it has not, *within_s* seconds from now.
        """
        assert self._process is not None
        self.code = self._process.wait(within_s)
        return time.monotonic() - self._signalled_s

    def left(self) -> list[str]:
        """Processes of it that don't end, as their command lines."""
        with suppress(AssertionError):
            until(lambda: not any(_marked(self.mark)), within_s=_GONE_S)
        return [f"{pid} {_command_line(pid)}" for pid in _marked(self.mark)]

    def kill(self) -> None:
        """All that is left, at once."""
        for pid in _marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def out(self) -> str:
        """What was written to stdout."""
        return self._out.read_text(errors="replace")

    def errors(self) -> str:
        """What was written to stderr, but for lines about why a sink fails."""
        return without_causes(self.all_errors())

    def all_errors(self) -> str:
        """What was written to stderr."""
        return self._errors.read_text(errors="replace")


def script(name: str) -> str:
    """Where a program of the development tools is.

    Raises:
        FileNotFoundError: it is not installed.
    """
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise FileNotFoundError(f"{name} is not installed (make install brings it)")
    return str(path)


def until(condition, *, within_s: float = 20.0) -> None:
    """Return once *condition* holds; fails when it doesn't."""
    tenacity.Retrying(
        stop=tenacity.stop_after_delay(within_s),
        wait=tenacity.wait_fixed(0.02),
        retry=tenacity.retry_if_not_result(bool),
        retry_error_callback=_too_late,
    )(condition)


def _too_late(state: tenacity.RetryCallState) -> None:
    raise AssertionError(f"not in {state.seconds_since_start:.1f} s")


def _marked(mark: str) -> Iterator[int]:
    """Ids of the processes that have it; also those that have left the host's session."""
    line = f"{_MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if line in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return "has ended"
