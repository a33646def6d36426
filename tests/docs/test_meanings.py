"""The tables of words are what the code says, and have every word of the books."""

from telemetry_actors.books.ledger import Admission, Reason
from tests.docs.meanings import PAGE, made, page


def test_the_page_is_current():
    """If not: ``python -m tests.docs.meanings``."""
    assert PAGE.read_text() == page()
    assert made() in PAGE.read_text()


def test_every_word_has_a_line():
    lines = made().splitlines()
    for word in (*Admission, *Reason):
        assert [line for line in lines if line.startswith(f"| `{word}` |")]
