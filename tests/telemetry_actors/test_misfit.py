"""What code of a user's returned and can't be used: whose file is named."""

from functools import partial

import pytest

from telemetry_actors.base.misfit import Misfit, a_kind, shown_name, where_written
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks import RecordingSink
from telemetry_actors.sinks._answer_of import answer_of

GOOD = ExportResult(Verdict.ACCEPTED)


class Called:
    def __call__(self):
        """What can be called, and is no function."""


@pytest.mark.parametrize("given", [Called(), Called.__call__, partial(Called()), Called().__call__])
def test_a_place_is_where_it_is_written(given):
    assert where_written(given).startswith(f"{__file__}:")


@pytest.mark.parametrize(
    "name", ["KeyError", "f.<locals>.<lambda>", "Pair[int, str]", "Größe", "n" * 100]
)
def test_a_name_is_told(name):
    assert shown_name(name) == name


@pytest.mark.parametrize("name", ["", "tell me a joke", "a\nb", "n" * 101, "who@acme.example"])
def test_what_is_no_name_is_not(name):
    assert shown_name(name) == "<no identifier>"
    assert a_kind(type(name, (), {})()) == "a <no identifier>"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "returned a NoneType; an ExportResult is wanted"),
        (True, "returned a bool; an ExportResult"),
        (GOOD._replace(verdict="accepted"), "a verdict that is a str; a Verdict is wanted"),
        (GOOD._replace(rejected=-1), "rejected that is no count but a negative or endless int"),
        (GOOD._replace(retry_after_s="soon"), "retry_after_s that is a str"),
        (GOOD._replace(retry_after_s=float("nan")), "retry_after_s that is a negative or endless"),
    ],
)
def test_an_answer_that_is_none_names_the_sink_and_its_file(result, words):
    sink = RecordingSink()
    with pytest.raises(Misfit) as caught:
        answer_of(sink, sink.export, result)
    assert words in str(caught.value)
    assert f"export() of sink {sink.name} (RecordingSink)" in str(caught.value)
    assert "recording.py:" in str(caught.value)
    assert str(caught.value.bare()) == str(caught.value)


def test_an_answer_is_handed_on():
    sink = RecordingSink()
    assert answer_of(sink, sink.export, GOOD) == GOOD
