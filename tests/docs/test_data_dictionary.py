"""The data dictionary is what the code says, and has every case, key, name and label."""

from typing import get_type_hints

import pytest

from telemetry_actors.event.cases import CASE_ROUTING
from telemetry_actors.handlers import DEFINITIONS
from tests.docs.data_dictionary import PAGE, page
from tests.signals.reference import EVENTS, INSTRUMENTS
from tests.telemetry_actors.handlers.required import REQUIRED

SECTIONS = {text.partition("\n")[0]: text for text in page().split("\n## ")[1:]}


def rows(case, head):
    """The cells of a case's table whose first column is *head*, by the first cell."""
    _, _, table = SECTIONS[case].partition(f"| {head} |")
    lines = table.partition("\n\n")[0].split("\n")[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_page_is_current():
    """If not: ``python -m tests.docs.data_dictionary``."""
    assert PAGE.read_text() == page()


def test_it_has_every_case():
    assert set(SECTIONS) == {*DEFINITIONS, "Instruments"}


@pytest.mark.parametrize("case", DEFINITIONS)
def test_payload_keys(case):
    found = rows(case, "payload key | type | required | content")
    model = DEFINITIONS[case].model

    assert {key for key in found if not set(key) & set(".[")} == set(get_type_hints(model))
    assert {key for key, row in found.items() if row[1] == "yes"} == REQUIRED[case].keys()
    assert {key for key, row in found.items() if row[2]} == set(CASE_ROUTING[case].gated)
    assert all(row[0] for row in found.values())


@pytest.mark.parametrize("case", DEFINITIONS)
def test_attributes(case):
    """Against the reference, not against what the page is made of."""
    found, event = rows(case, "attribute | log | span | content"), EVENTS[case]

    assert set(found) == event.on_log
    assert {key for key, row in found.items() if row[1]} == event.on_span
    assert {key for key, row in found.items() if row[2]} == event.gated


def test_instruments():
    found = rows("Instruments", "instrument | kind | unit | cases")

    assert {(name, row[0], row[1].strip("`")) for name, row in found.items()} == INSTRUMENTS
    assert all(row[2] for row in found.values())
