"""An answer is given once, read by any number, and waited for by the tree's own clock."""

import threading

import pykka
import pytest

from supervisors.run._answer import Answer
from supervisors.run.deterministic import Deadlock, DeterministicRuntime
from tests.supervisors.live import WITHIN_S


@pytest.fixture
def answer():
    return Answer()


def test_it_gives_the_value_that_it_was_given(answer):
    assert not answer.done
    answer.set("yes")

    assert answer.done
    assert answer.get() == answer.get(timeout=0) == "yes"


def test_the_first_answer_counts(answer):
    """Who comes late with another changes nothing, and hears nothing of it."""
    answer.set(1)
    answer.set(2)
    answer.set_exception((ValueError, ValueError("late"), None))

    assert answer.get() == 1


def test_an_error_is_raised_where_the_answer_is_read(answer):
    answer.set_exception((ValueError, ValueError("no"), None))
    answer.set("too late")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            answer.get()


def test_an_error_may_be_the_one_that_is_being_handled(answer):
    """Or a class alone; without either it says that there was none."""
    try:
        raise KeyError("handled")
    except KeyError:
        answer.set_exception()
    with pytest.raises(KeyError, match="handled"):
        answer.get()

    by_class, by_nothing = Answer(), Answer()
    by_class.set_exception((TimeoutError, None, None))
    by_nothing.set_exception()
    with pytest.raises(TimeoutError):
        by_class.get()
    with pytest.raises(RuntimeError, match="no exception"):
        by_nothing.get()


def test_a_wait_goes_by_the_clock_that_it_was_given():
    """In virtual time it takes no time, and the clock shows that it was waited for."""
    runtime = DeterministicRuntime()
    answer = runtime.new_future()

    with pytest.raises(pykka.Timeout):
        answer.get(timeout=5.0)

    assert runtime.clock.now_s() == 5.0


def test_a_wait_without_an_end_that_nothing_can_end_says_so():
    with pytest.raises(Deadlock):
        DeterministicRuntime().new_future().get()


def test_no_time_at_all_is_a_look(answer):
    with pytest.raises(pykka.Timeout):
        answer.get(timeout=0)


def test_all_who_wait_get_it(answer):
    """One wake-up is passed on from reader to reader."""
    got = []
    readers = [threading.Thread(target=lambda: got.append(answer.get())) for _ in range(8)]
    for reader in readers:
        reader.start()
    answer.set("for all")
    for reader in readers:
        reader.join(WITHIN_S)

    assert got == ["for all"] * 8


def test_it_is_a_future_of_pykka_in_all_else(answer):
    """`map`, `filter`, `join` and `reduce` are Pykka's own, and read it by its own `get`."""
    other = Answer()
    answer.set(3)
    other.set(4)

    assert answer.map(lambda n: n + 1).get(timeout=1) == 4
    assert answer.join(other).get(timeout=1) == [3, 4]
    assert answer.join(other).reduce(lambda a, b: a + b).get(timeout=1) == 7
    assert answer.map(lambda n: [n, n + 1]).filter(lambda n: n > 3).get(timeout=1) == [4]
