"""The figures that the product promises under fault, with its default settings.

The long form of each is `make soak`; the rest is the same.
"""

import pytest

from tests.faults.scenario import TOTAL_BYTES, Scale, run_through
from tests.receivers.faults import FAULTS, outage
from tests.receivers.faulty import answer, hang, slowly
from tests.receivers.judge import ACCEPT, Judge, Silent, after, before

pytestmark = pytest.mark.timed

BY_NAME = {fault.name: fault for fault in FAULTS}
PEERS = {
    "dead": Silent,
    "out of reach": lambda: Silent(hangs=True),
    "hanging": lambda: Judge(lambda _asked: after(hang)),
    "slow": lambda: Judge(lambda _asked: after(slowly(0.7, answer(200)))),
    "answering 503": BY_NAME["503"].receiver,
    "answering 403": BY_NAME["403"].receiver,
    "well": BY_NAME["well"].receiver,
}


def after_an_outage(seconds, rate):
    """500 events during and after so many seconds of 503, and no journal."""
    scale = Scale(events=500, rate_per_s=rate, flush_s=seconds + 30, stop_s=5)
    run = run_through(outage(seconds).receiver(), scale, times={})
    run.check(emitted=500, at_most_s=500 / rate + seconds + 15, stop_s=5)
    assert run.flushed
    assert run.kept.logs == run.ledger.exported == 500


@pytest.mark.timeout(60)
def test_g19_after_three_seconds_of_503_all_500_of_500_are_delivered():
    after_an_outage(3, rate=250)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_g19_after_twenty_seconds_of_503_all_500_of_500_are_delivered():
    after_an_outage(20, rate=25)


@pytest.mark.timeout(60)
@pytest.mark.alone
def test_a_burst_of_fifty_thousand_events_is_delivered_or_counted_to_the_unit():
    """As fast as one thread can: what finds no room is refused, and what is accepted arrives."""
    scale = Scale(events=50_000, rate_per_s=1e9, flush_s=30, stop_s=5)
    run = run_through(Judge(lambda _asked: ACCEPT), scale, times={})

    run.check(emitted=50_000, at_most_s=30, stop_s=5, grown_bytes=TOTAL_BYTES)
    print(f"\n{dict(run.admissions)}, received {run.kept}, {run.seconds:.1f} s")
    assert set(run.admissions) <= {"accepted", "mailbox_full", "bytes_full"}
    assert run.ledger.dropped == {}
    assert run.kept.logs == run.ledger.exported == run.admissions["accepted"] >= 10_000


def stops_on_budget(peer, seconds):
    """Straight after a flood of four full batches of each kind."""
    scale = Scale(events=2048, rate_per_s=1e9, flush_s=0.0, stop_s=seconds)
    run = run_through(PEERS[peer](), scale, times={})
    run.check(emitted=2048, at_most_s=seconds + 5, stop_s=seconds)
    assert run.report.threads_left == 0
    return run


@pytest.mark.timeout(30)
@pytest.mark.parametrize("peer", PEERS)
def test_g22_stop_keeps_to_its_second_with_any_peer(peer):
    stops_on_budget(peer, 1)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("peer", PEERS)
def test_g22_stop_of_five_seconds_is_over_in_five_point_two_with_any_peer(peer):
    run = stops_on_budget(peer, 5)
    if peer in ("well", "slow"):
        assert run.report.drained
        assert run.kept.logs == run.ledger.exported == 2048


@pytest.mark.timeout(30)
def test_g22_stop_tries_a_busy_receiver_until_its_time_is_up():
    """It is well again after a while: whatever `Retry-After` it asks for, it is asked again."""

    def plan(asked):
        return before(answer(429, retry_after="30")) if asked.at_s < 1 else ACCEPT

    scale = Scale(events=500, rate_per_s=1e9, flush_s=0.0, stop_s=3)
    run = run_through(Judge(plan), scale, times={})

    run.check(emitted=500, at_most_s=6, stop_s=3)
    assert run.report.drained
    assert run.kept.logs == run.ledger.exported == 500
