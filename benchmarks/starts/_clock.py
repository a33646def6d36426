"""Takes the times of a start; imports next to nothing itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from time import perf_counter

__all__ = ["Clock"]


class Clock:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self._figures: dict[str, float] = {}

    def took(self, figure: str) -> None:
        """Note the milliseconds since the last note."""
        now = perf_counter()
        self._figures[figure] = (now - self._last) * 1000
        self._last = perf_counter()

    def started(self) -> None:
        """Note what there is now: threads and memory."""
        self._figures["threads"] = float(len(os.listdir("/proc/self/task")))  # noqa: PTH208
        with open("/proc/self/statm") as file:  # noqa: PTH123 -- pathlib is an import
            pages = int(file.read().split()[1])
        self._figures["rss_mb"] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        self._last = perf_counter()

    def until_it_is_there(self) -> None:
        """Note when the receiver has the first log record, by asking it each few milliseconds."""
        import http.client
        import threading
        from urllib.parse import urlsplit

        pause, host = threading.Event(), urlsplit(sys.argv[1]).netloc
        counts = {"logs": 0}
        while counts["logs"] == 0:
            pause.wait(0.002)
            connection = http.client.HTTPConnection(host)
            connection.request("GET", "/_counts")
            counts = json.loads(connection.getresponse().read())
            connection.close()
        self.took("first_out_ms")

    def end(self, stop: Callable[[], object]) -> None:
        """Stop, note how long that took, and print all."""
        self._last = perf_counter()
        stop()
        self.took("stop_ms")
        print(json.dumps(self._figures))
