"""A letter's bytes: there and back, and nothing that anybody could make of them is fatal (g28)."""

import tracemalloc
import zlib
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.books.dead_letters import Among, DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.stores.letters.form import _HEAD, StoredLetter, pack_letter, unpack_letter

ENVELOPE = Envelope("app_created", "t", "e-1", 5, msgpack.packb({"tenant_id": "t"}), b"\x80")
LETTER = DeadLetter(ENVELOPE, Reason.REJECTED, "sinks/logs", "HTTP 403", None, True, 7)
STORED = StoredLetter(LETTER, 10, "ab" * 16, 42, 1, "name")
WHOLE = pack_letter(STORED)


def with_body(body):
    return _HEAD.pack(b"tadead1\n", len(body), zlib.crc32(body)) + body


def body_of(**changes):
    fields = msgpack.unpackb(WHOLE[_HEAD.size :])
    for number, value in changes.items():
        fields[int(number[1:])] = value
    return msgpack.packb(fields)


def test_it_comes_back_whole_and_brings_its_origin_along():
    back = unpack_letter(WHOLE, "name")

    assert back.letter.envelope.metadata == {"origin": ["ab" * 16, 7]}
    assert back._replace(letter=LETTER) == STORED
    assert back.letter._replace(envelope=ENVELOPE) == LETTER


def test_an_origin_that_is_there_already_stays():
    envelope = ENVELOPE._replace(metadata={"origin": ["other", 3], "payload_ref": "k"})
    stored = STORED._replace(letter=LETTER._replace(envelope=envelope))

    assert unpack_letter(pack_letter(stored)).letter.envelope == envelope


def test_the_ids_of_a_request_come_back():
    letter = LETTER._replace(among=Among.of([f"e{n}" for n in range(600)], 3))

    assert unpack_letter(pack_letter(STORED._replace(letter=letter))).letter.among == letter.among


def test_an_error_text_that_utf_8_can_not_say_is_written_all_the_same():
    letter = LETTER._replace(error="bad \ud800")

    assert unpack_letter(pack_letter(STORED._replace(letter=letter))).letter.error == "bad \\ud800"


def test_g18_a_letter_that_is_torn_at_any_byte_is_told():
    for length in range(len(WHOLE)):
        with pytest.raises(EnvelopeError, match="torn"):
            unpack_letter(WHOLE[:length])


def test_g18_a_flipped_bit_anywhere_is_told():
    for bit in range(8 * len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EnvelopeError):
            unpack_letter(bytes(damaged))


@pytest.mark.parametrize(
    "changes",
    [
        {"_0": -1},
        {"_0": True},
        {"_0": 2**63},
        {"_1": 7},
        {"_3": "many"},
        {"_4": "whim"},
        {"_7": 1},
        {"_9": [1, 2]},
        {"_9": [1, 2, [3]]},
        {"_9": [True, 2, ["e"]]},
        {"_9": [1, -2, ["e"]]},
        {"_10": b"\x00"},
        {"_10": "text"},
    ],
    ids=str,
)
def test_a_field_of_another_kind_is_told_though_the_checksum_is_right(changes):
    with pytest.raises(EnvelopeError):
        unpack_letter(with_body(body_of(**changes)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80",
        msgpack.packb([1]),
        msgpack.packb({"a": 1}),
        msgpack.packb(list(range(11)))[:-1],
        msgpack.packb(msgpack.ExtType(1, b"x")),
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
    ids=range(9),
)
def test_another_body_is_told(body):
    with pytest.raises(EnvelopeError):
        unpack_letter(with_body(body))


@given(body=st.binary(max_size=400))
def test_g28_no_bytes_of_a_letter_are_fatal(body):
    for data in (body, with_body(body)):
        with suppress(EnvelopeError):
            unpack_letter(data)


@given(st.data())
def test_no_change_of_fields_is_fatal(data):
    values = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=8,
    )
    number, value = data.draw(st.integers(0, 10)), data.draw(values)
    with suppress(EnvelopeError):
        unpack_letter(with_body(body_of(**{f"_{number}": value})))


def test_g28_a_letter_that_promises_much_costs_little():
    arrays = b"\xdc\x0f\xff" * 900
    tracemalloc.start()
    with pytest.raises(EnvelopeError):
        unpack_letter(with_body(arrays))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * 1024 * 1024
