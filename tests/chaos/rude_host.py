"""A host whose every callback raises, and a look-out for what is raised into it."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

__all__ = ["Hollow", "RaisingFilter", "RaisingManager", "nothing_raised", "raising"]

_ERRORS = (ValueError, KeyError, RecursionError, MemoryError, OSError)


class RaisingFilter(logging.Filter):
    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng

    def filter(self, record: logging.LogRecord) -> bool:
        raise self._rng.choice(_ERRORS)("a filter")


def raising(rng: Random) -> Callable[..., None]:
    def provider(*_args: Any) -> None:
        raise rng.choice((*_ERRORS, SystemExit, KeyboardInterrupt))("a provider")

    return provider


class RaisingManager:
    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def add_trace_task(self, *_args: Any) -> None:
        raise self._rng.choice((*_ERRORS, SystemExit))("a manager")


class Hollow:
    """Raises, whatever is asked of it."""

    def _raise(self, *_args: Any) -> Any:
        raise ValueError("hollow")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = __getattr__ = _raise
    __hash__ = _raise  # type: ignore[assignment]


@contextmanager
def nothing_raised(wrongs: list[str]) -> Iterator[None]:
    """What nobody catches in a thread or a finaliser is a wrong."""

    def in_a_thread(args: threading.ExceptHookArgs) -> None:
        wrongs.append(f"raised in {args.thread}: {args.exc_type.__name__}: {args.exc_value}")

    def unraisable(args: Any) -> None:
        wrongs.append(f"raised in {args.object!r:.80}: {args.exc_value!r}")

    before = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = in_a_thread, unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before
