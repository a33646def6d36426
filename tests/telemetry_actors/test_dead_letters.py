"""The ring of dead letters is bounded in number and in bytes, and says what it forgot."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.books.dead_letters import Among, DeadLetter, DeadLetters
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope

OVERHEAD_BYTES = 512 + len("sinks/logs") + len("HTTP 403")
"""Of a letter, beside its payload and the id of its event."""


def a_letter(event_id, payload_bytes=0):
    payload = None if payload_bytes is None else b"x" * payload_bytes
    envelope = Envelope("app_created", "t", event_id, 1, b"", payload)
    return DeadLetter(envelope, Reason.REJECTED, "sinks/logs", "HTTP 403")


def ids(letters):
    return [letter.envelope.event_id for letter in letters.list()]


def test_the_oldest_makes_room_and_is_counted():
    letters = DeadLetters(max_count=2, max_bytes=10**6)
    for event_id in "abc":
        letters.keep(a_letter(event_id))

    assert ids(letters) == ["b", "c"]
    assert (len(letters), letters.forgotten) == (2, 1)


def test_exactly_as_many_bytes_as_are_allowed_fit():
    letters = DeadLetters(max_count=10, max_bytes=2 * OVERHEAD_BYTES + 30 + 2)
    letters.keep(a_letter("a", 10))
    letters.keep(a_letter("b", 20))
    assert ids(letters) == ["a", "b"]

    letters.keep(a_letter("c", 11))
    assert ids(letters) == ["c"]


def test_one_that_is_larger_than_the_ring_is_forgotten_at_once():
    letters = DeadLetters(max_count=10, max_bytes=1000)
    letters.keep(a_letter("small"))
    letters.keep(a_letter("large", 10_000))

    assert ids(letters) == []
    assert letters.forgotten == 2


@given(
    st.lists(st.lists(st.integers(0, 400), max_size=8), max_size=5), st.integers(0, 6), st.data()
)
def test_many_at_once_leave_what_one_by_one_would(pieces, max_count, data):
    max_bytes = data.draw(st.integers(1, 4 * (OVERHEAD_BYTES + 200)))
    at_once, singly = DeadLetters(max_count, max_bytes), DeadLetters(max_count, max_bytes)
    to_come = sum(map(len, pieces))
    for at, sizes in enumerate(pieces):
        letters = [a_letter(f"{at}-{n}", size) for n, size in enumerate(sizes)]
        to_come -= len(letters)
        at_once.keep_all(letters, to_come)
        for letter in letters:
            singly.keep(letter)

    assert at_once.list() == singly.list()
    assert at_once.forgotten == singly.forgotten


def test_letters_that_are_pushed_out_at_once_are_not_weighed():
    class Unweighable(DeadLetter):
        @property
        def size_bytes(self):
            raise AssertionError("weighed")

    letters = DeadLetters(max_count=2, max_bytes=10**6)
    letters.keep_all([Unweighable(*a_letter("a"))], to_come=2)
    letters.keep_all([Unweighable(*a_letter("b")), a_letter("c"), a_letter("d")])

    assert ids(letters) == ["c", "d"]
    assert letters.forgotten == 2


def test_zero_keeps_none():
    letters = DeadLetters(max_count=0, max_bytes=10**6)
    letters.keep(a_letter("a"))

    assert ids(letters) == []
    assert letters.forgotten == 1


def test_an_off_loaded_payload_weighs_nothing():
    assert a_letter("", None).size_bytes == OVERHEAD_BYTES


def test_all_that_a_letter_holds_is_weighed():
    letter = a_letter("a")
    envelope = letter.envelope
    for more in (
        {"event_id": "a" * 1000},
        {"context": b"c" * 1000},
        {"payload": b"p" * 1000},
        {"payload_fallback": b"f" * 1000},
        {"metadata": {"origin": ["o" * 1000, 1]}},
    ):
        larger = letter._replace(envelope=envelope._replace(**more))
        assert letter.size_bytes + 990 < larger.size_bytes < letter.size_bytes + 1020
    for more in ({"error": "e" * 1000}, {"stage": "s" * 1000}):
        assert letter.size_bytes + 980 < letter._replace(**more).size_bytes


def test_what_was_read_does_not_change():
    letters = DeadLetters(10, 10**6)
    letters.keep(a_letter("a"))
    read = letters.list()
    letters.keep(a_letter("b"))

    assert len(read) == 1


@given(
    sizes=st.lists(st.integers(0, 3000), max_size=40),
    max_count=st.integers(0, 10),
    max_bytes=st.integers(1, 8000),
)
def test_it_keeps_what_a_plain_list_would(sizes, max_count, max_bytes):
    letters = DeadLetters(max_count, max_bytes)
    model = deque()
    for number, size in enumerate(sizes):
        letters.keep(a_letter(str(number), size))
        model.append((str(number), size + len(str(number)) + OVERHEAD_BYTES))
        while len(model) > max_count or sum(size for _, size in model) > max_bytes:
            model.popleft()
        assert ids(letters) == [event_id for event_id, _ in model]

    assert letters.forgotten == len(sizes) - len(model)


def test_letters_that_share_the_ids_of_a_batch_share_their_weight():
    among = Among.of([f"e{n:02}" for n in range(10)], rejected=5)
    letter = a_letter("a")._replace(among=among)

    assert letter.attribution == "assumed"
    assert letter.size_bytes == OVERHEAD_BYTES + 1 + 10 * (3 + 64) // 5
    assert a_letter("a").attribution == ""


def test_of_a_very_large_batch_the_last_ids_are_kept():
    among = Among.of([f"e{n}" for n in range(5000)], rejected=1)

    assert among.event_ids == tuple(f"e{n}" for n in range(5000 - 512, 5000))
