"""The circuit breaker: who may send, when, what opens and closes it (g19). No thread, no time."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.base.breaker import Breaker

KINDS = ("logs", "spans", "metrics")


class Draws(random.Random):
    """Draws what it is told, for ever."""

    def __init__(self, draw):
        super().__init__()
        self._draw = draw

    def random(self):
        return self._draw


def a_breaker(draw=0.0, **numbers):
    options = {"failures": 3, "open_s": 1.0, "longest_s": 60.0, "probe_limit_s": 11.0, **numbers}
    return Breaker(0.0, rng=Draws(draw), **options)


def an_open_one(now_s=0.0, **options):
    breaker = a_breaker(**options)
    for _ in range(3):
        breaker.told(now_s, "logs", failed=True)
    return breaker


# -- closed ---------------------------------------------------------------------------------------


def test_g19_so_many_failures_in_a_row_open_it_and_not_one_less():
    breaker = a_breaker()
    for _ in range(2):
        breaker.told(0.0, "logs", failed=True)
    assert breaker.ask(0.0, "logs") is None
    breaker.told(0.0, "spans", failed=True)  # all signals of the endpoint count

    assert breaker.ask(0.0, "logs") == 1.0
    assert breaker.view(0.25) == ("open", 0.25, 3, 0.75)


def test_a_success_begins_the_count_anew():
    breaker = a_breaker()
    for failed in (True, True, False, True, True):
        breaker.told(0.0, "logs", failed=failed)

    assert breaker.view(0.0).state == "closed"


@pytest.mark.parametrize(("draw", "wait_s"), [(0.0, 1.0), (0.5, 0.75), (0.999, 0.5005)])
def test_chance_takes_off_up_to_half_of_the_open_time(draw, wait_s):
    assert an_open_one(draw=draw).ask(0.0, "logs") == pytest.approx(wait_s)


# -- open -----------------------------------------------------------------------------------------


def test_g19_after_its_time_one_may_probe_and_the_others_wait():
    breaker = an_open_one()

    assert breaker.ask(0.9, "logs") == pytest.approx(0.1)
    assert breaker.ask(1.0, "spans") is None
    assert [breaker.ask(1.0, who) for who in ("logs", "metrics")] == [0.1, 0.1]
    assert breaker.view(1.5) == ("half_open", 0.5, 3, None)


def test_whoever_probes_may_do_it_again_after_a_crash():
    breaker = an_open_one()
    assert breaker.ask(1.0, "spans") is None

    assert breaker.ask(1.5, "spans") is None


def test_g19_a_success_of_the_probe_closes_it_for_all():
    breaker = an_open_one()
    breaker.ask(1.0, "spans")
    breaker.told(1.2, "spans", failed=False)

    assert [breaker.ask(1.2, who) for who in KINDS] == [None] * 3
    assert breaker.view(1.2) == ("closed", 0.0, 0, None)


def test_a_failure_of_the_probe_opens_it_again_for_the_same_time():
    breaker = an_open_one()
    for probe_s in (1.0, 2.0, 3.0):
        assert breaker.ask(probe_s, "spans") is None
        breaker.told(probe_s, "spans", failed=True)
        assert breaker.ask(probe_s, "spans") == 1.0


def test_what_was_on_its_way_when_it_opened_does_not_prolong_it():
    breaker = an_open_one()
    breaker.told(0.9, "metrics", failed=True)
    assert breaker.ask(1.0, "spans") is None
    breaker.told(1.1, "logs", failed=True)

    assert breaker.view(1.1).state == "half_open"


def test_what_was_on_its_way_and_succeeds_closes_it():
    breaker = an_open_one()
    breaker.told(0.5, "metrics", failed=False)

    assert breaker.ask(0.5, "logs") is None


def test_a_probe_of_which_nobody_tells_the_end_is_given_up():
    """Its actor is parked, say."""
    breaker = an_open_one()
    assert breaker.ask(1.0, "spans") is None
    assert breaker.ask(11.95, "logs") == pytest.approx(0.05)

    assert breaker.ask(12.0, "logs") is None
    assert breaker.ask(12.0, "spans") == 0.1


# -- a store, which is done without ---------------------------------------------------------------


def test_where_waits_grow_each_failed_probe_makes_the_next_longer():
    breaker = an_open_one(growth=2.0, longest_s=4.0)
    now_s, waits = 1.0, []
    for trip in range(4):
        assert breaker.ask(now_s, trip) is None
        breaker.told(now_s, trip, failed=True)
        waits.append(breaker.wait_s(now_s))
        now_s += waits[-1]

    assert waits == [2.0, 4.0, 4.0, 4.0]


def test_after_a_success_they_are_short_again():
    breaker = an_open_one(growth=2.0)
    assert breaker.ask(1.0, "first") is None
    breaker.told(1.0, "first", failed=True)
    assert breaker.ask(3.0, "second") is None
    breaker.told(3.0, "second", failed=False)
    for _ in range(3):
        breaker.told(5.0, "more", failed=True)

    assert breaker.wait_s(5.0) == 1.0


def test_the_end_of_a_request_from_before_is_no_end_of_the_probe():
    """Each has a name of its own; one that hung and fails at last opens nothing anew."""
    breaker = an_open_one(growth=2.0)
    assert breaker.ask(1.0, "probe") is None
    breaker.told(1.1, "hung", failed=True)

    assert breaker.state == "half_open"


# -- what the receiver asks for -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_s", "wait_s"), [(None, 1.0), (0.3, 1.0), (7.0, 7.0), (86_400.0, 60.0)]
)
def test_g19_a_breaker_that_opens_stays_so_as_long_as_the_receiver_asks_for(asked_s, wait_s):
    """Within limits: one answer does not end telemetry for a day."""
    breaker = a_breaker()
    for _ in range(3):
        breaker.told(0.0, "logs", failed=True, retry_after_s=asked_s)

    assert breaker.ask(0.0, "spans") == wait_s


def test_one_that_only_asks_for_a_while_does_not_open_it():
    """A rate limit may be one signal's: its own batch waits, the others go on."""
    breaker = a_breaker()
    breaker.told(0.0, "logs", failed=True, retry_after_s=30.0)

    assert breaker.ask(0.0, "spans") is None


# -- stopping -------------------------------------------------------------------------------------


def test_while_stopping_what_can_be_tried_is_tried_now():
    breaker = a_breaker()
    for _ in range(3):
        breaker.told(0.0, "logs", failed=True, retry_after_s=30.0)

    assert breaker.ask(0.1, "logs", hurry=True) == pytest.approx(0.1)
    assert breaker.ask(0.2, "logs", hurry=True) is None
    assert breaker.ask(0.2, "spans", hurry=True) == 0.1  # still one at a time


# -- how long it has been down --------------------------------------------------------------------


def test_it_knows_since_when_nobody_answers():
    breaker = a_breaker()
    assert breaker.down_s(5.0) == 0.0
    breaker.told(5.0, "logs", failed=True)
    breaker.told(6.0, "spans", failed=True)
    assert breaker.down_s(8.0) == 3.0
    breaker.told(9.0, "logs", failed=False)

    assert breaker.down_s(10.0) == 0.0


def test_it_says_how_long_it_is_open_without_being_asked_for_anything():
    breaker = an_open_one()

    assert (a_breaker().wait_s(0.0), breaker.wait_s(0.4)) == (None, 0.6)
    assert breaker.ask(1.0, "logs") is None
    assert breaker.wait_s(1.0) is None
    assert "half_open" in repr(breaker)


# -- whatever happens -----------------------------------------------------------------------------

EVENT = st.tuples(
    st.sampled_from(KINDS),
    st.floats(0.0, 3.0),
    st.booleans(),
    st.one_of(st.none(), st.floats(0.0, 100.0)),
    st.booleans(),
)


@given(st.lists(EVENT, max_size=60))
def test_g19_whatever_happens_there_is_one_probe_at_a_time_and_soon(events):
    """Whoever asks and may, sends at once, and is answered when its turn comes again."""
    breaker, now_s, on_its_way = a_breaker(), 0.0, {}
    for who, later_s, failed, retry_after_s, hurry in events:
        now_s += later_s
        if who in on_its_way:
            del on_its_way[who]
            breaker.told(now_s, who, failed=failed, retry_after_s=retry_after_s)
            continue
        before = breaker.view(now_s).state
        wait_s = breaker.ask(now_s, who, hurry=hurry)
        if wait_s is None:
            on_its_way[who] = now_s, before != "closed"
        else:
            assert 0.0 < wait_s <= 60.0
        probes = [since for since, probe in on_its_way.values() if probe and now_s - since < 11.0]
        assert len(probes) <= 1 or breaker.view(now_s).state == "closed"
