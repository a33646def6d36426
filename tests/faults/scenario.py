"""One cell of the fault matrix: so many events at a rate into a receiver, then flush and stop.

Whatever the receiver did, `Run.check` holds the books, the receiver's count, memory and
time against each other. What a certain fault must lead to is `test_matrix.py`'s to say.
"""

import re
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from telemetry_actors import Ledger, TelemetryGateway, TelemetrySettings
from telemetry_actors.lifecycle.report import StopReport
from telemetry_actors.observe.status import Status
from tests.receivers.faults import MARK, Receiver
from tests.receivers.judge import Kept
from tests.stopwatch import Stopwatch

STOP_SLACK_S = 0.2  # g22
A_FEW_EVENTS_BYTES = 67_108_864  # of growth: ample for the few that most scenarios send
TOTAL_BYTES = 268_435_456 * 6 // 5  # gateway.total_bytes and a fifth (g04)
SHORT = {
    "otlp": {
        "attempt_timeout_s": 0.3,
        "give_up_s": 0.6,
        "backoff_min_s": 0.02,
        "backoff_max_s": 0.1,
    },
    "gateway": {"linger_s": 0.01},
    "sink": {"linger_s": 0.02, "batch_records": 64},
}
APP = {"app_id": "a1", "mode": "chat"}
RUN = {
    "workflow_id": "w1",
    "status": "succeeded",
    "start_time": "2026-11-20T08:15:30Z",
    "end_time": "2026-11-20T08:15:32.5Z",
}


class Scale(NamedTuple):
    """How much is sent, and how long is waited for it."""

    events: int = 200
    rate_per_s: float = 1000.0
    flush_s: float = 0.8
    stop_s: float = 0.4


class NoWatch:
    """For a run in which nobody looks at the time."""

    def took_s(self) -> float:
        return 0.0


class Run(NamedTuple):
    """How it went."""

    admissions: Counter
    ledger: Ledger
    status: Status
    report: StopReport
    kept: Kept
    flushed: bool
    stop_s: float
    seconds: float
    grown_bytes: int

    def check(
        self,
        *,
        emitted: int,
        at_most_s: float,
        stop_s: float,
        grown_bytes: int = A_FEW_EVENTS_BYTES,
    ) -> None:
        """All that must be so after any fault."""
        ledger = self.ledger
        assert ledger.balanced(), ledger
        assert ledger.settled
        assert ledger.in_flight == 0
        assert ledger.emitted == emitted == sum(self.admissions.values())
        assert ledger.emitted == ledger.accepted + sum(ledger.refused.values())
        ended = ledger.exported + ledger.duplicate + sum(ledger.dropped.values())
        assert ledger.accepted == ended == self.admissions["accepted"]
        assert_kept(ledger.signals.logs, self.kept.logs)
        assert_kept(ledger.signals.spans, self.kept.spans)
        assert self.grown_bytes < grown_bytes
        assert self.seconds < at_most_s
        assert self.stop_s < stop_s + STOP_SLACK_S


def assert_kept(line: Any, distinct: int) -> None:
    """The rule for every comparison with a receiver (semantics.md)."""
    assert line.exported <= distinct <= line.exported + line.dropped.get("unconfirmed", 0)


def event(n: int, *, marked: bool = False) -> tuple:
    """The n-th: four in five make one log, the fifth a log and a span."""
    context = {"tenant_id": f"tenant-{n % 3}", "app_id": "a1"}
    if n % 5 or marked:
        # by its id: that is in the log, and labels no metric
        return "app_created", context, APP, f"{MARK}-{n}" if marked else f"e{n}"
    return "workflow_run", context, {**RUN, "workflow_run_id": f"run-{n}"}, f"e{n}"


def a_gateway(
    endpoint: str, *, clock: Any = None, times: Any = None, **changes: Any
) -> TelemetryGateway:
    """With short times unless *times* says others; *changes* are merged into each part."""
    times = SHORT if times is None else times
    parts = {name: {**values, **changes.pop(name, {})} for name, values in times.items()}
    settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=endpoint, **parts, **changes)
    return TelemetryGateway(settings, clock=clock)


def run_through(
    receiver: Receiver,
    scale: Scale,
    *,
    make: Any = event,
    meanwhile: Any = None,
    clock: Any = None,
    timed: bool = True,
    **settings: Any,
) -> Run:
    """Send, flush, stop.

    Args:
        make: the n-th event: case, context, payload, event id.
        meanwhile: called with the gateway and *n* before each event.
        timed: else others may run beside, and the run says that it took no time.
        settings: changes to the short ones (``times={}``: to the defaults).
    """
    before_bytes = _forget_the_peak()
    watch = Stopwatch if timed else NoWatch
    whole = watch()
    with receiver, a_gateway(receiver.endpoint, clock=clock, **settings) as gateway:
        admissions = _send(gateway, scale, make, meanwhile)
        flushed = scale.flush_s > 0 and gateway.flush(scale.flush_s)
        stopping = watch()
        report = gateway.stop(scale.stop_s)
        stop_s, seconds = stopping.took_s(), whole.took_s()
        kept = _settled(receiver)
        return Run(
            admissions,
            gateway.ledger(),
            gateway.status(),
            report,
            kept,
            flushed,
            stop_s,
            seconds,
            _peak_bytes() - before_bytes,
        )


def _settled(receiver: Receiver, *, looks: int = 4) -> Kept:
    """What it has once it has had a moment for what was still in its sockets."""
    kept = receiver.kept()
    for _ in range(looks):
        time.sleep(0.01)
        kept, before = receiver.kept(), kept
        if kept == before:
            break
    return kept


def _send(gateway: TelemetryGateway, scale: Scale, make: Any, meanwhile: Any) -> Counter:
    admissions: Counter = Counter()
    began_s = time.monotonic()
    for n in range(scale.events):
        wait_s = began_s + n / scale.rate_per_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        if meanwhile is not None:
            meanwhile(gateway, n)
        case, context, payload, event_id = make(n)
        admissions[str(gateway.emit(case, context, payload, event_id=event_id))] += 1
    return admissions


def _forget_the_peak() -> int:
    """The kernel's peak of resident bytes starts anew from here, where it may be told so."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    return _status_bytes("VmHWM")


def _status_bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
