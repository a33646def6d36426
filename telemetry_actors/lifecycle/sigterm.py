"""SIGTERM, for who asks for it: what is queued gets out before the signal has its effect.

By default SIGTERM ends a process on the spot, and nothing of Python runs. With
`stop_on_sigterm` the gateway is stopped first; then the signal does what it would have done.
A handler of the host's that was there before is chained: what has been emitted so far gets
out, the gateway goes on (the host may have work to finish), and the handler is called. Most
of them end the process in an orderly way, and then the exit stops the gateway (`exit.py`).
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from telemetry_actors.base.log import say_at_the_end
from telemetry_actors.lifecycle.exit import (
    Stoppable,
    flush_all,
    running,
    say_what_is_held,
    say_what_was_lost,
    stop_all,
)
from telemetry_actors.lifecycle.kits import note_kit


def stop_on_sigterm(gateway: Stoppable | None = None, timeout_s: float = 5.0) -> SigtermHandler:
    """Stop on SIGTERM, then do what the signal would have done without us.

    Where SIGTERM is ignored it stays ignored. A second SIGTERM, while the first is being
    served, has its effect at once.

    Args:
        gateway: by default all that run in this process when the signal comes.
        timeout_s: seconds by which the signal's effect may be put off.

    Returns:
        What undoes it: call ``close()``, or use it as a context manager.

    Raises:
        ValueError: this isn't the main thread (Python allows it there only), or the handler
            that is there was not installed from Python and can't be chained.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("stop_on_sigterm() works in the main thread only: call it from there")
    old = signal.getsignal(signal.SIGTERM)
    if old is None:
        raise ValueError(
            "the handler of SIGTERM was not installed from Python: it can't be chained"
        )
    if type(getattr(old, "__self__", None)).__module__.startswith("uvicorn."):
        say_at_the_end(
            "stop_on_sigterm() was called while uvicorn serves, which takes it away at its end:"
            " start and stop the gateway in the lifespan instead (telemetry_actors.hosts.asgi)"
        )
    return SigtermHandler(old, gateway, timeout_s)


class SigtermHandler:
    """An installed handler. Made by `stop_on_sigterm`."""

    def __init__(self, old: Any, gateway: Stoppable | None, timeout_s: float) -> None:
        self._old = old
        self._gateway = gateway
        self._timeout_s = timeout_s
        self._mine = self._serve  # one object: a bound method is another one each time
        self._installed = old is not signal.SIG_IGN
        if self._installed:
            signal.signal(signal.SIGTERM, self._mine)
            note_kit("pool")  # the handler is away while it serves, and is not missed then

    def close(self) -> None:
        """Put the old handler back, unless somebody has put another in our place. Main thread."""
        if self._installed and signal.getsignal(signal.SIGTERM) is self._mine:
            signal.signal(signal.SIGTERM, self._old)
        self._installed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _serve(self, signum: int, frame: FrameType | None) -> None:
        """The main thread, in the middle of whatever it does.

        Waiting here is bounded, and takes no lock that the interrupted call may hold.
        """
        signal.signal(signal.SIGTERM, self._old)  # for a second one
        if not callable(self._old):
            self._stop()
            os.kill(os.getpid(), signal.SIGTERM)  # so that the exit status says so
            os._exit(128 + signal.SIGTERM)  # process 1 of a container is ended by no signal
        self._flush()
        if self._installed and signal.getsignal(signal.SIGTERM) is self._old:
            signal.signal(signal.SIGTERM, self._mine)
        self._old(signum, frame)

    def _chosen(self) -> list[Stoppable]:
        return [one for one in running() if self._gateway is None or one is self._gateway]

    def _stop(self) -> None:
        chosen = self._chosen()
        if chosen:
            # not through logging or sys.stderr, which may be what was interrupted
            say_what_was_lost(stop_all(chosen, self._timeout_s), _write, chosen)

    def _flush(self) -> None:
        """The host may re-raise the signal when it is done, and then nobody comes after us."""
        chosen = self._chosen()
        say_what_is_held(chosen, flush_all(chosen, self._timeout_s), _write)


def _write(message: str) -> None:
    with suppress(OSError):
        os.write(2, f"telemetry_actors: {message}\n".encode())
