"""Real programs in processes of their own, and what they say of their books.

A program prints numbers: how many events were accepted. How many were delivered is the
receiver's to say.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import NamedTuple

from tests.stopwatch import witness

__all__ = [
    "PRELUDE",
    "Ended",
    "ended",
    "environment",
    "run",
    "started",
    "terminate",
    "until_it_says",
    "without_causes",
]

_ON = {
    "ENTERPRISE_ENABLED": "true",
    "ENTERPRISE_TELEMETRY_ENABLED": "true",
    "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED": "true",
}
_CAUSE = re.compile(r"\bsink [\w.-]+(?:/\w+)? (?:fails|still fails|accepts again) ")
PRELUDE = """
import atexit, os, signal, sys, threading, time
from telemetry_actors import emit, get_gateway

def say(number):
    os.write(1, f"{number}\\n".encode())  # in one piece, whoever else speaks

def emit_some(count):
    say(sum(bool(emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})) for _ in range(count)))
"""


class Ended(NamedTuple):
    """How a program ended."""

    code: int
    """Negative: by that signal."""
    took_s: float
    """From the last line that it printed to its end."""
    accepted: int
    """The sum of the numbers that it printed."""
    errors: str
    """What it wrote to stderr, but for lines about why a sink fails (`mistakes.py` has those)."""
    still_s: float
    """For how long the machine stood still since it was waited for."""


def environment(endpoint: str, settings: dict[str, object]) -> dict[str, str]:
    more = {f"TELEMETRY_ACTORS__{name.upper()}": str(value) for name, value in settings.items()}
    return {**os.environ, **_ON, "ENTERPRISE_OTLP_ENDPOINT": endpoint, **more}


def run(
    program: str,
    endpoint: str,
    *,
    before: str = "",
    within_s: float = 30.0,
    options: tuple[str, ...] = (),
    **settings: object,
) -> Ended:
    """Run *program* to its end. *settings* as ``lifecycle__exit_timeout_s=1``.

    Args:
        program: what comes after the prelude.
        endpoint: the receiver's.
        before: what comes before the prelude, and so before our import.
        within_s: it has ended by then.
        options: the interpreter's.
        settings: of the gateway.
    """
    with started(program, endpoint, before=before, options=options, **settings) as process:
        return ended(process, within_s=within_s)


@contextmanager
def started(
    program: str,
    endpoint: str,
    *,
    before: str = "",
    options: tuple[str, ...] = (),
    **settings: object,
):
    """A running program. *options* are the interpreter's."""
    process = subprocess.Popen(
        [sys.executable, *options, "-c", before + PRELUDE + program],
        env=environment(endpoint, settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], *, within_s: float = 30.0) -> Ended:
    """Wait for its end."""
    assert process.stdout is not None
    accepted, last_s, before_s = 0, time.monotonic(), witness().still_s()
    for line in process.stdout:
        last_s = time.monotonic()
        accepted += int(line)
    _, errors = process.communicate(timeout=within_s)
    took_s, still_s = time.monotonic() - last_s, witness().still_s() - before_s
    return Ended(process.returncode, took_s, accepted, without_causes(errors), still_s)


def without_causes(errors: str) -> str:
    """The lines that don't say why a sink fails, or that it accepts again."""
    return "".join(line for line in errors.splitlines(keepends=True) if not _CAUSE.search(line))


def until_it_says(process: subprocess.Popen[str]) -> int:
    """The next number that it prints."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def terminate(process: subprocess.Popen[str]) -> float:
    """Send SIGTERM; when that was."""
    process.send_signal(signal.SIGTERM)
    return time.monotonic()
