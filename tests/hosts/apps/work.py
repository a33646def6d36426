"""What each application does for a request: one event, and an answer that says what became of it.

The environment says which test it is (``HOSTS_MARK``: the tenant) and where to write
(``HOSTS_FOLDER``). ``HOSTS_BARE`` leaves telemetry out: what goes wrong then is the host's own.
"""

import asyncio
import os
import time
from pathlib import Path

if os.environ.get("HOSTS_BARE"):
    emit = lambda *_: "accepted"  # noqa: E731
else:
    from telemetry_actors import emit, get_gateway

__all__ = ["FOLDER", "MARK", "begin", "durable", "hold", "hold_async", "is_released", "who", "work"]

MARK = os.environ.get("HOSTS_MARK", "")
FOLDER = Path(os.environ.get("HOSTS_FOLDER", "."))
_RELEASE = FOLDER / "release"
_LOOK_EVERY_S = 0.005


def who() -> str:
    """The test, and the process; no event."""
    return f"{MARK} {os.getpid()}"


def work(app_id: str) -> str:
    """Emit one event; ``accepted 1234``, where 1234 is the process."""
    admission = emit("app_created", {"tenant_id": MARK}, {"app_id": app_id, "mode": "chat"})
    return f"{admission} {os.getpid()}"


def durable() -> str:
    """How many events of this process are in its journal."""
    return f"{get_gateway().status().journal.durable} {os.getpid()}"


def begin(app_id: str) -> None:
    """Let the test see that this request is being served."""
    (FOLDER / f"begun-{app_id}").touch()


def is_released() -> bool:
    """Requests that take their time may go on."""
    return _RELEASE.exists()


def hold(app_id: str) -> str:
    """The same once the test says so: a request that takes its time."""
    begin(app_id)
    while not _RELEASE.exists():
        time.sleep(_LOOK_EVERY_S)
    return work(app_id)


async def hold_async(app_id: str) -> str:
    """The same in an event loop."""
    begin(app_id)
    while not _RELEASE.exists():
        await asyncio.sleep(_LOOK_EVERY_S)
    return work(app_id)
