"""One bad event costs one event: what a host hands in, what a receiver can't take, what is huge."""

import pytest

from telemetry_actors import Admission
from tests.faults.scenario import Scale, event, run_through
from tests.receivers.faults import FAULTS, MARK
from tests.receivers.judge import ACCEPT, Judge

pytestmark = pytest.mark.timed

POISON = {
    "object()": object(),
    "lone surrogate": "\ud800",
    "2**70": 2**70,
    "-2**70": -(2**70),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "bytes": b"\xff\xfe",
    "set": {1, 2},
    "complex": 1j,
    "type": int,
    "exception": ValueError("boom"),
    "lambda": lambda: None,
    "cycle": (cycle := []).append(cycle) or cycle,
    "deep": (deep := [], [deep := [deep] for _ in range(10_000)])[1][-1],
    "long int": 10**5000,
    "non-string keys": {1: {None: object()}},
}
PICKY = next(fault for fault in FAULTS if fault.name == "one bad record, 400")
POISONED = 137  # in the middle of a batch
MB = 1_000_000


def well():
    return Judge(lambda _asked: ACCEPT)


def poisoned(n, value):
    """*value* where it travels as it is, where it is looked into, and where nobody asks for it."""
    case, context, payload, event_id = event(n)
    payload = {**payload, "mode": value, "error": value, "inputs": {"deep": [value]}}
    return case, {**context, "app_name": value}, payload, event_id


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", POISON)
def test_g12_a_poisoned_event_costs_at_most_itself(kind):
    """Through `emit()`: 499 of 500 at least, and a reason for the other."""

    def make(n):
        return poisoned(n, POISON[kind]) if n == POISONED else event(n)

    scale = Scale(events=500, rate_per_s=5000, flush_s=20, stop_s=2)
    run = run_through(well(), scale, make=make, enterprise_include_content=True)

    run.check(emitted=500, at_most_s=10, stop_s=2)
    assert run.kept.logs >= 499
    lost = 500 - run.ledger.exported
    assert lost == sum(run.ledger.refused.values()) + sum(run.ledger.dropped.values())
    assert lost <= 1
    assert set(run.ledger.dropped) <= {"invalid_payload"}
    assert set(run.ledger.refused) <= {"invalid"}
    assert run.status.restarts == 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize("marked", [[137], [0, 1, 499], list(range(0, 500, 50))], ids=len)
def test_g12_records_that_the_receiver_cannot_take_are_found_and_the_rest_delivered(marked):
    """It answers 400 to every request with one of them: the batch is bisected (g19)."""
    scale = Scale(events=500, rate_per_s=5000, flush_s=20, stop_s=2)
    run = run_through(PICKY.receiver(), scale, make=lambda n: event(n, marked=n in marked))

    run.check(emitted=500, at_most_s=10, stop_s=2)
    assert run.kept.logs == run.ledger.exported == 500 - len(marked)
    assert run.ledger.dropped == {"rejected": len(marked)}
    letters = run.status.dead_letters
    assert {letter.event_id for letter in letters} == {f"{MARK}-{n}" for n in marked}


@pytest.mark.timeout(30)
def test_an_event_of_70_mb_is_refused_at_the_door_and_hurts_no_other():
    """Larger than any event may be: `too_large`, and no second copy of it stays behind."""
    huge = "x" * (70 * MB)

    def make(n):
        case, context, payload, event_id = event(n)
        return case, context, {**payload, "mode": huge} if n == POISONED else payload, event_id

    scale = Scale(events=500, rate_per_s=5000, flush_s=20, stop_s=2)
    run = run_through(well(), scale, make=make)

    assert run.admissions == {Admission.ACCEPTED: 499, Admission.TOO_LARGE: 1}
    assert run.kept.logs == run.ledger.exported == 499
    # packing it is what finds its size, so the peak has it twice for a moment
    run._replace(grown_bytes=run.grown_bytes - 140 * MB).check(emitted=500, at_most_s=10, stop_s=2)


@pytest.mark.timeout(30)
def test_an_event_of_15_mb_travels_alone_and_arrives():
    """Within the limit: larger than a batch may be, so it has a request of its own."""

    def make(n):
        case, context, payload, event_id = event(n)
        more = {"mode": "x" * (15 * MB)} if n == POISONED else {}
        return case, context, {**payload, **more}, event_id

    scale = Scale(events=200, rate_per_s=5000, flush_s=20, stop_s=2)
    run = run_through(well(), scale, make=make, otlp={"attempt_timeout_s": 5.0, "give_up_s": 10.0})

    assert run.kept.logs == run.ledger.exported == 200
    run._replace(grown_bytes=run.grown_bytes - 150 * MB).check(emitted=200, at_most_s=10, stop_s=2)
