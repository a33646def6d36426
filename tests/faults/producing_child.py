"""A process that emits until it is killed. Arguments: settings (JSON), counts, threads, rate.

Each thread counts what `emit()` accepted in a cell of its own in the file *counts*, right after
the call; the kernel keeps the file's page when the process is killed. So the count is the
test's own, and off by one per thread at most. Ids say who emitted and when: ``<pid>-<thread>-<n>``.
"""

import json
import mmap
import os
import sys
import threading
import time
from pathlib import Path

from telemetry_actors import TelemetryGateway, TelemetrySettings


def main(settings, counts, threads, rate):
    with Path(counts).open("r+b") as file:
        cells = memoryview(mmap.mmap(file.fileno(), 8 * threads)).cast("Q")
    gateway = TelemetryGateway(TelemetrySettings.enabled(**json.loads(settings)))
    gateway.start()
    print("ready", flush=True)

    def produce(thread):
        began, n = time.monotonic(), 0
        while True:
            n += 1
            event_id = f"{os.getpid()}-{thread}-{n}"
            if gateway.emit(
                "app_created",
                {"tenant_id": f"t{thread}"},
                {"app_id": "a1", "mode": "chat"},
                event_id=event_id,
            ):
                cells[thread] += 1
            ahead = began + n * threads / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)

    for thread in range(threads):
        threading.Thread(target=produce, args=(thread,)).start()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
