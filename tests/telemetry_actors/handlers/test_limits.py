"""Texts of records are cut to their limit, whatever mapping made them, in every sink alike."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event.signals import LogSignal, Signals, SpanSignal
from telemetry_actors.handlers import JsonLimits
from telemetry_actors.handlers._content import json_text
from telemetry_actors.handlers._limits import limited, surely_short

LONG = "x" * 100
CUT = "x" * 40 + "…[cut: 100 characters]"


def a_log(*values):
    keys = tuple(f"k{n}" for n in range(len(values)))
    return LogSignal("dify.app.created", "metric_only", keys, values, b"", b"", 1, 2)


def a_span(*values, error=None):
    keys = tuple(f"k{n}" for n in range(len(values)))
    return SpanSignal("run", b"t" * 16, b"s" * 8, b"", 1, 2, keys, values, error)


def test_texts_of_logs_and_spans_are_cut_and_all_else_stays():
    signals = Signals((a_log(LONG, 7, None, "x"),), (a_span(True, LONG, error=LONG),), ())

    short = limited(signals, 64)

    assert short.logs == (a_log(CUT, 7, None, "x"),)
    assert short.spans == (a_span(True, CUT, error=CUT),)


@pytest.mark.parametrize("error", [None, "", "x" * 64])
def test_what_is_within_the_limit_stays_as_it_is(error):
    signals = Signals((a_log("x" * 64),), (a_span("é" * 32, error=error),))

    assert limited(signals, 64) == signals


@given(
    st.binary(max_size=200).map(lambda data: data.decode("latin-1")),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_no_text_is_longer_than_its_bytes_allow(text, levels, items):
    """What spares nearly every event the look at its attributes must be right."""
    value = {text[:5]: [text, [[[]]] * 20, None, -1.5e-300, text.encode("latin-1")] * 3}
    packed = msgpack.packb(value)
    made = json_text(msgpack.unpackb(packed), JsonLimits(levels, items))

    assert len(made.encode()) <= 32 * len(packed)


def test_an_everyday_event_is_not_looked_at():
    assert surely_short(2_000, 4_194_304)
    assert not surely_short(200_000, 4_194_304)
