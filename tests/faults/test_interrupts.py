"""Ctrl-C, or a host's time-out, in the middle of `emit()`: raised by a real signal handler."""

import signal
import time

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink

TENANT, APP = {"tenant_id": "acme"}, {"app_id": "a1", "mode": "chat"}


@pytest.fixture
def interrupts():
    """A handler that raises; `setitimer` says when."""

    def interrupt(_signum, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def flood(gateway, seconds):
    """Emit, and be interrupted after a time that is never the same; how often it was."""
    interrupted, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-4 + interrupted % 97 * 1e-6)
            for _ in range(1_000):  # one in a finaliser is swallowed by Python, and no more comes
                gateway.emit("app_created", TENANT, APP)
        except KeyboardInterrupt:
            interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    return interrupted


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("interrupts")
def test_thousands_of_interrupts_in_the_middle_of_emit_leave_books_that_balance():
    """Each comes out of `emit()`, and its event is either on its way or refused, and counted so."""
    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()]) as gateway:
        interrupted = flood(gateway, seconds=2)
        assert gateway.flush(20)
        ledger, mailbox = gateway.ledger(), gateway._life.mailbox

    assert interrupted > 100
    assert ledger.refused["invalid"] > 0
    assert ledger.exported == ledger.accepted > 0
    assert ledger.balanced()
    assert (len(mailbox), mailbox.queued_bytes) == (0, 0)
