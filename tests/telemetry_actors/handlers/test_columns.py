"""A table of columns: the keys, the values and the gate that are made of it."""

import pytest

from telemetry_actors.event.emits import Emits
from telemetry_actors.handlers import EventFacts, MappingSettings
from telemetry_actors.handlers._columns import METRIC_ONLY, SPAN_DETAIL, Column, Columns

FACTS = EventFacts("event-1", "t", 5, 9, {})
ON = MappingSettings(include_content=True, sampling_rate=1.0)
OFF = MappingSettings(include_content=False, sampling_rate=1.0)
PLAIN = Columns("dify.test", METRIC_ONLY, Column("a", "x"), Column("b", "y"))


class NeverLookedAt(dict):
    """A row whose content may not be asked for."""

    def get(self, key, default=None):
        assert key != "secret"
        return super().get(key, default)


def never(row):
    raise AssertionError


def test_name_and_signal_come_first_and_the_record_id_is_the_events():
    log = PLAIN.record(FACTS, {"x": 1}, OFF)

    assert list(log.attributes.items()) == [
        ("dify.event.name", "dify.test"),
        ("dify.event.signal", "metric_only"),
        ("a", 1),
        ("log.record.uid", "event-1"),
    ]


def test_its_time_is_when_the_event_was_emitted_however_long_it_waited():
    log = PLAIN.record(FACTS, {}, OFF)

    assert (log.time_ns, log.observed_ns) == (5, 9)


def test_the_key_table_is_shared_by_all_records_of_a_type():
    assert PLAIN.record(FACTS, {}, OFF).keys is PLAIN.record(FACTS, {"x": 3}, OFF).keys


@pytest.mark.parametrize("nothing", [{}, {"x": None}, {"x": ""}, {"x": 0}])
@pytest.mark.parametrize("instead", ["input", 0.0, None])
def test_what_stands_for_an_empty_value(nothing, instead):
    table = Columns("n", METRIC_ONLY, Column("a", "x", empty=instead))

    assert table.record(FACTS, nothing, OFF).values[2] == instead
    assert table.record(FACTS, {"x": 7}, OFF).values[2] == 7


def test_a_source_may_be_made_of_the_whole_row():
    table = Columns("n", METRIC_ONLY, Column("a", lambda row: row["x"] + row["y"], empty=-1))

    assert table.record(FACTS, {"x": 1, "y": 2}, OFF).values[2] == 3
    assert table.record(FACTS, {"x": 0, "y": 0}, OFF).values[2] == -1


def test_names_with_quotes_and_braces_are_names_and_nothing_else():
    odd = "a'\"{x}\\\n"
    table = Columns(odd, METRIC_ONLY, Column(odd, odd, empty=odd))

    assert table.record(FACTS, {odd: "v"}, OFF).values[:3] == (odd, METRIC_ONLY, "v")
    assert table.record(FACTS, {}, OFF).values[2] == odd


# -- content --------------------------------------------------------------------------------------


GATED = (Column("a", "secret", content=True), Column("b", never, content=True))


@pytest.mark.parametrize("given", [{}, {"id": "m"}])
def test_with_content_off_it_is_the_reference_and_is_never_looked_at(given):
    table = Columns("n", METRIC_ONLY, *GATED, reference="id")
    log = table.record(FACTS, NeverLookedAt(given, secret="text"), OFF)

    assert log.values[2:4] == (f"ref:id={given.get('id')}",) * 2


def test_without_a_reference_it_is_absent():
    log = Columns("n", METRIC_ONLY, *GATED).record(FACTS, NeverLookedAt(secret="text"), OFF)

    assert log.values[2:4] == (None, None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("text", "text"), (None, None), (7, "7"), (True, "true"), (["é"], '["é"]')],
)
def test_with_content_on_text_stays_and_null_stays_and_the_rest_is_json(value, shown):
    by_key, by_function = Column("a", "x", content=True), Column("b", lambda row: row["x"])
    table = Columns("n", METRIC_ONLY, by_key, by_function._replace(content=True))

    assert table.record(FACTS, {"x": value}, ON).values[2:4] == (shown, shown)


# -- what is made of it beside a record -----------------------------------------------------------


def test_the_span_has_the_first_columns_and_the_name_and_ids_of_its_log():
    table = Columns("n", SPAN_DETAIL, Column("b", "y"), on_span=(Column("a", "x"),))
    log = table.record(FACTS, {"x": 1, "y": 2}, OFF, (b"t" * 16, b"s" * 8))
    span = table.span(log, b"p" * 8, (3, 4), "boom")

    assert log.keys[2:4] == ("a", "b")
    assert span == ("n", b"t" * 16, b"s" * 8, b"p" * 8, 3, 4, ("a",), (1,), "boom")


def test_what_the_data_dictionary_says_is_made_of_the_same_table():
    on_span = (Column("a", "x"),)
    table = Columns("n", SPAN_DETAIL, *GATED[1:], on_span=on_span, reference="id")
    keys = ("dify.event.name", "dify.event.signal", "a", "b", "log.record.uid")

    assert table.emits() == Emits(("n", SPAN_DETAIL, keys, frozenset("b"), "id"), ("a",), ())
