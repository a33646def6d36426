"""Trace and span ids out of what they belong to; event ids out of a count."""

import re
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event import ids
from telemetry_actors.event.ids import (
    EventIds,
    derived_id,
    is_id,
    is_sampled,
    log_ids,
    log_span_id,
    log_trace_id,
    new_event_id,
    own_span_id,
    parse_uuid,
    run_trace_id,
    span_id_of,
    substitute_ids,
    trace_id_of,
)
from tests.forks import as_in_a_child

NIL = "00000000-0000-0000-0000-000000000000"
NO_UUIDS = [
    None,
    "",
    "run-17",
    "{f3c95789-ace1-4954-ac5d-6baed2eac902}",
    "urn:uuid:f3c95789-ace1-4954-ac5d-6baed2eac902",
    " f3c95789-ace1-4954-ac5d-6baed2eac902",
    "f3c95789-ace1-4954-ac5d-6baed2eac902\n",
    "f3c9-5789ace1-4954-ac5d-6baed2eac902",
    "f3c95789-ace14954-ac5d-6baed2eac902",
    "f3c95789-ace1-4954-ac5d-6baed2eac9-2",
    "f3c95789-ace1-4954-ac5d-6baed2eac90g",
    "f3c95789_ace1_4954_ac5d_6baed2eac902",
    "f3c95789ace14954ac5d6baed2eac90",
    "f3c95789ace14954ac5d6baed2eac9022",
    "f3c95789ace14954 c5d6baed2eac902",
    "٣3c95789ace14954ac5d6baed2eac902",
    "\ud8003c95789ace14954ac5d6baed2eac902",
]


# --- UUID text ------------------------------------------------------------------------


@given(st.uuids())
def test_any_letter_case_with_dashes_or_without_is_the_same_uuid(uuid):
    text = str(uuid)
    spellings = [text, text.upper(), text.replace("-", ""), text.replace("-", "").upper()]

    assert {parse_uuid(spelling) for spelling in spellings} == {uuid.bytes}


@pytest.mark.parametrize("text", NO_UUIDS)
def test_nothing_else_is_uuid_text(text):
    assert parse_uuid(text) is None


@given(st.text(alphabet="0123456789abcdefABCDEF-g \n_{", min_size=30, max_size=40))
def test_what_is_read_as_a_uuid_is_one_to_python_too(text):
    parsed = parse_uuid(text)

    assert parsed is None or parsed == UUID(text).bytes


# --- derived ids ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uuid", "trace_id", "span_id"),
    [
        (
            "123e4567-e89b-12d3-a456-426614174000",
            "123e4567e89b12d3a456426614174000",
            "a456426614174000",
        ),
        (
            "550e8400-e29b-41d4-a716-446655440000",
            "550e8400e29b41d4a716446655440000",
            "a716446655440000",
        ),
        (
            "987fbc97-4bed-5078-9f07-9141ba07c9f3",
            "987fbc974bed50789f079141ba07c9f3",
            "9f079141ba07c9f3",
        ),
        (
            "00000000-0000-0001-0000-000000000000",
            "00000000000000010000000000000000",
            "0000000000000001",
        ),
    ],
)
def test_the_vectors_of_the_reference(uuid, trace_id, span_id):
    assert (trace_id_of(uuid).hex(), span_id_of(uuid).hex()) == (trace_id, span_id)


@pytest.mark.parametrize("text", NO_UUIDS)
def test_what_is_no_uuid_gives_no_ids(text):
    assert (trace_id_of(text), span_id_of(text)) == (b"", b"")


def test_the_nil_uuid_is_no_id():
    """Else every event with it would have the span id 1 (Phoenix kept one of four)."""
    assert (trace_id_of(NIL), span_id_of(NIL), log_span_id(NIL)) == (b"", b"", b"")
    assert span_id_of("00000000-0000-0001-0000-000000000000").hex() == "0000000000000001"


@pytest.mark.parametrize("source", [None, "", NIL, "0" * 32])
def test_what_is_no_id_gives_none(source):
    assert not is_id(source)
    assert (run_trace_id(source), own_span_id(source)) == (b"", b"")


@pytest.mark.parametrize("source", ["run-17", "17", " ", "\ud800", "0" * 31])
def test_an_id_that_is_no_uuid_is_one_all_the_same(source):
    trace_id, span_id = run_trace_id(source), own_span_id(source)

    assert (len(trace_id), len(span_id)) == (16, 8)
    assert any(trace_id)
    assert any(span_id)
    assert (trace_id, span_id) == (run_trace_id(source), own_span_id(source))
    assert trace_id != run_trace_id(f"{source}x")
    assert span_id != own_span_id(f"{source}x")


def test_the_derivation_is_that_of_the_page():
    """Others may want to meet these traces."""
    text = "run-17 é"

    assert run_trace_id(text) == sha256(b"trace:" + text.encode()).digest()[:16]
    assert own_span_id(text) == sha256(b"span:" + text.encode()).digest()[:8]


def test_a_uuid_is_taken_as_it_is():
    run = "F3C95789-ace1-4954-ac5d-6baed2eac902"

    assert (run_trace_id(run), own_span_id(run)) == (trace_id_of(run), span_id_of(run))


@pytest.mark.parametrize(
    ("trace", "span", "both"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_a_log_has_no_span_id_without_a_trace_id(trace, span, both):
    run, node = "f3c95789-ace1-4954-ac5d-6baed2eac902", "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
    ids = log_ids(run if trace else "no id", node if span else NIL)

    assert (bool(ids[0]), bool(ids[1])) == (trace, both)


# --- ids of logs without a span -------------------------------------------------------


def test_a_log_takes_uuid_text_and_ready_hex():
    assert log_trace_id("4BF92F3577B34DA6A3CE929D0E0E4736").hex() == (
        "4bf92f3577b34da6a3ce929d0e0e4736"
    )
    assert log_span_id("F1260EBC-7d56-4b56-b714-dc919b27dbdf").hex() == "b714dc919b27dbdf"
    assert log_span_id("B714dc919b27dbdf").hex() == "b714dc919b27dbdf"


def test_spaces_around_the_id_of_a_log_do_not_matter():
    assert log_trace_id(" 4bf92f3577b34da6a3ce929d0e0e4736\n") != b""
    assert log_span_id(" b714dc919b27dbdf ") != b""


@pytest.mark.parametrize("text", [None, "", " ", "run-x", NIL, "0" * 32, "b714dc919b27dbdf"])
def test_a_log_without_a_derivable_trace_has_no_trace_id(text):
    assert log_trace_id(text) == b""


@pytest.mark.parametrize("text", [None, "", "exec-17", "0" * 16, "b714dc919b27dbdg", "é" * 16])
def test_a_log_without_a_derivable_span_has_no_span_id(text):
    assert log_span_id(text) == b""


# --- substitutes ----------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=())))
def test_substitutes_are_the_same_for_the_same_event_and_never_zero(event_id):
    trace_id, span_id = substitute_ids(event_id)

    assert (trace_id, span_id) == substitute_ids(event_id)
    assert (len(trace_id), len(span_id)) == (16, 8)
    assert any(trace_id)
    assert any(span_id)


def test_substitutes_of_two_events_differ():
    assert len({substitute_ids(str(i)) for i in range(100)}) == 100


def test_a_zero_digest_would_become_one(monkeypatch):
    class Zero:
        def digest(self):
            return bytes(32)

    monkeypatch.setattr(ids, "sha256", lambda _: Zero())

    assert substitute_ids("e") == (bytes(15) + b"\x01", bytes(7) + b"\x01")


def test_a_derived_id_is_a_uuid_of_its_own_per_event_and_purpose():
    event_id = "f3c95789-ace1-4954-ac5d-6baed2eac902"

    assert derived_id(event_id, "a") == derived_id(event_id, "a")
    assert len({event_id, derived_id(event_id, "a"), derived_id(event_id, "b")}) == 3
    assert UUID(derived_id(event_id, "a")).version == 8


# --- sampling -------------------------------------------------------------------------


@given(st.uuids(), st.floats(0.0, 1.0))
def test_a_trace_is_kept_iff_its_id_is_below_the_rate(uuid, rate):
    numerator, denominator = rate.as_integer_ratio()

    assert is_sampled(uuid.bytes, rate) == (uuid.int * denominator < numerator * 2**128)


@pytest.mark.parametrize(
    ("trace_id", "rate", "kept"),
    [
        ("1a000000000040008000000000000000", 0.1, False),
        ("19000000000040008000000000000000", 0.1, True),
        ("80000000000000000000000000000000", 0.5, False),
        ("7fffffffffffffffffffffffffffffff", 0.5, True),
        ("ffffffffffffffffffffffffffffffff", 1.0, True),
        ("00000000000000000000000000000001", 0.0, False),
    ],
)
def test_the_boundary_is_exact(trace_id, rate, kept):
    assert is_sampled(bytes.fromhex(trace_id), rate) is kept


# --- event ids ------------------------------------------------------------------------


def test_an_event_id_is_the_text_of_a_uuid_of_version_4():
    event_id = new_event_id()

    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event_id
    )
    assert UUID(event_id).version == 4


def test_the_random_bits_are_drawn_anew_and_all_74_of_them_vary():
    source = EventIds()
    drawn = []
    for _ in range(64):
        drawn.append(UUID(source.new()).int >> 48)
        source._reseed()

    ones = zeros = 0
    for bits in drawn:
        ones |= bits
        zeros |= ~bits
    assert len(set(drawn)) == 64
    assert (ones & zeros & (2**80 - 1)).bit_count() == 74


def test_ids_of_one_process_count_up():
    source = EventIds()
    first, second = UUID(source.new()).int, UUID(source.new()).int

    assert second == first + 1


def test_threads_never_get_the_same_id():
    source = EventIds()
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [source.new() for _ in range(2_000)], range(8)))

    assert len({event_id for batch in batches for event_id in batch}) == 16_000


def test_g24_a_child_shares_no_id_with_its_parent():
    before = [new_event_id() for _ in range(3)]
    with as_in_a_child():
        after = new_event_id()

    assert not {text[:23] for text in before} & {after[:23]}
