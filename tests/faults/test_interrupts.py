"""Ctrl-C, or a host's time-out, in the middle of `emit()`: raised by a real signal handler."""

import json
import subprocess
import sys

import pytest

# In a process of its own: an interrupt may hit anybody's finaliser as well, where Python
# only says that it has ignored it. So more than one flood, and no end that waits for one.
FLOOD = """
import json, signal, time
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink

def interrupt(_signum, _frame):
    raise KeyboardInterrupt

with TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()]) as gateway:
    signal.signal(signal.SIGALRM, interrupt)
    interrupted, until_s = 0, time.monotonic() + 2
    while time.monotonic() < until_s:
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-4 + interrupted % 97 * 1e-6)
            for _ in range(1_000):
                gateway.emit("app_created", {"tenant_id": "acme"}, {"app_id": "a1"})
        except KeyboardInterrupt:
            interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    flushed, ledger, mailbox = gateway.flush(20), gateway.ledger(), gateway._life.door.mailbox
    room = gateway._life.door.pressure.room
    held = [mailbox.queued_bytes, len(mailbox), room.event_bytes, room.events]
    print(json.dumps([flushed, interrupted, ledger.balanced(), held]))
    print(ledger.model_dump_json())
"""


@pytest.mark.timeout(60)
def test_thousands_of_interrupts_in_the_middle_of_emit_leave_books_that_balance():
    """Each comes out of `emit()`, and its event is either on its way or refused, and counted so."""
    answer = subprocess.run(
        [sys.executable, "-c", FLOOD], capture_output=True, text=True, check=False, timeout=50
    )
    assert answer.returncode == 0, answer.stderr
    said, ledger = map(json.loads, answer.stdout.splitlines())
    flushed, interrupted, balanced, held = said

    assert interrupted > 100
    assert flushed and balanced
    assert ledger["refused"]["invalid"] > 0
    assert ledger["exported"] == ledger["accepted"] > 0
    assert held == [0, 0, 0, 0]
