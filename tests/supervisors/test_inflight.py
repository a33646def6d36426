"""What a crash costs follows from where the cursor stands."""

import pytest

from supervisors import InFlight


@pytest.fixture
def flight():
    flight = InFlight()
    flight.batch = ["a", "b", "c"]
    return flight


def crash_at(flight, n):
    """Handle items until the crash at item *n*."""
    with pytest.raises(ZeroDivisionError):
        handle_until(flight, n)
    flight.interrupted = True


def handle_until(flight, n):
    for number, item in enumerate(flight.items(), start=len(flight.results)):
        if number == n:
            raise ZeroDivisionError
        flight.results.append(item.upper())


def test_a_crash_in_an_item_costs_that_item_and_those_before_it_are_not_repeated(flight):
    crash_at(flight, 1)

    assert flight.culprit() == "b"
    flight.results.append("lost")
    flight.results.extend(item.upper() for item in flight.items())
    assert flight.results == ["A", "lost", "C"]


def test_a_crash_in_a_step_for_the_whole_batch_costs_none_the_first_time(flight):
    with pytest.raises(ZeroDivisionError), flight.whole_batch("claim"):
        raise ZeroDivisionError
    flight.interrupted = True

    assert flight.culprit() is None
    assert not flight.item_by_item


def test_a_second_crash_in_the_step_makes_it_go_item_by_item(flight):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), flight.whole_batch("claim"):
            raise ZeroDivisionError
        flight.interrupted = True
        assert flight.culprit() is None

    assert flight.item_by_item


def test_without_an_interruption_nobody_is_charged(flight):
    assert flight.culprit() is None
    assert flight.strikes == 0


def test_only_items_that_were_handled_are_progress(flight):
    crash_at(flight, 2)

    assert flight.progressed == 2
