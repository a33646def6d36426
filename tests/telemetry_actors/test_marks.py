"""A text that is cut says so, stays a text, and is never over its limit."""

from hypothesis import example, given
from hypothesis import strategies as st

from telemetry_actors.event.marks import SHORTEST_LIMIT_BYTES, cut, distinct

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(lambda text: text * 5)
LIMITS = st.integers(SHORTEST_LIMIT_BYTES, 200)


@given(TEXTS, LIMITS)
@example("\U0001f600" * 100, 66)  # the limit is in the middle of a character
def test_a_text_within_its_limit_is_whole_and_a_longer_one_bears_a_mark(text, limit):
    short = cut(text, limit)

    assert len(short.encode()) <= limit
    if len(text.encode()) <= limit:
        assert short == text
    else:
        kept, mark, rest = short.partition(f"…[cut: {len(text)} characters]")
        assert mark and not rest
        assert text.startswith(kept)
        assert len(short.encode()) > limit - 4  # no more is lost than has to be


@given(st.text(st.characters(), min_size=100), LIMITS)
def test_whatever_is_in_a_text_that_is_cut_it_is_utf_8_after(text, limit):
    """Lone surrogates, too: a mapping of a user's may make some."""
    short = cut(text, limit)

    assert short == text or len(short.encode()) <= limit


def test_ten_million_characters_are_cut_to_the_limit():
    short = cut("é" * 10_485_760, 4096)

    assert len(short.encode()) in (4095, 4096)
    assert short.endswith("é…[cut: 10485760 characters]")


@given(st.lists(st.text("12 ()", max_size=4)))
def test_texts_that_are_the_same_are_told_apart(keys):
    taken: dict[str, int] = {}
    for n, key in enumerate(keys):
        taken[distinct(key, taken)] = n

    assert list(taken.values()) == list(range(len(keys)))
