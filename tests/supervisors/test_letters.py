"""Letters that nobody handles are counted for ever, and kept for a while."""

import pytest

from supervisors.run._letters import Letter, Letters


def a_letter(n):
    return Letter("handlers/a", n, "ended", 0)


@pytest.fixture
def letters():
    """Room for three."""
    return Letters(size=3)


def test_the_last_ones_are_kept_oldest_first(letters):
    for n in range(5):
        letters.keep(a_letter(n))

    assert [letter.message for letter in letters.list()] == [2, 3, 4]
    assert len(letters) == 3


def test_all_are_counted_also_those_that_have_left(letters):
    for n in range(5):
        letters.keep(a_letter(n))
    letters.take()

    assert letters.count == 5


def test_looking_takes_nothing_away_and_taking_takes_all(letters):
    letters.keep(a_letter(1))
    letters.keep(a_letter(2))

    assert letters.list() == letters.list() == (a_letter(1), a_letter(2))
    assert letters.take() == (a_letter(1), a_letter(2))
    assert letters.take() == letters.list() == ()
    assert len(letters) == 0


def test_a_list_is_a_copy(letters):
    """What comes later does not change what was looked at."""
    letters.keep(a_letter(1))
    seen = letters.list()
    letters.keep(a_letter(2))

    assert seen == (a_letter(1),)
