"""The page about faults is what its figures say, and the figures keep what is promised."""

import xml.etree.ElementTree as ET

from benchmarks.faults import names
from tests.docs.faults import CHART, PAGE, chart, figures, page, pairs

FAULTS, COLLECTOR = figures()
OURS = {pair.name: pair.ours for pair in pairs(FAULTS)}


def test_the_page_and_its_chart_are_current():
    """If not: ``python -m tests.docs.faults``."""
    assert PAGE.read_text() == page(FAULTS, COLLECTOR)
    assert CHART.read_text() == chart(pairs(FAULTS))


def test_every_fault_of_the_benchmark_is_on_it():
    assert set(OURS) == set(names())


def test_the_chart_is_well_formed():
    assert ET.fromstring(CHART.read_text()).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_published_figures_are_those_that_were_asked_for():
    """Nothing unaccounted, 499 of 500, all after an outage, and an end within five seconds."""
    assert [name for name, row in OURS.items() if row["unaccounted"]] == []
    assert [name for name, row in OURS.items() if row["stop_s"] > 5.2] == []
    assert OURS["outage 3 s"]["received"] == OURS["outage 3 s"]["emitted"] == 500
    assert OURS["one bad record, 400"]["received"] == 499
    assert all(row["received"] >= 499 for name, row in OURS.items() if "one event holds" in name)


def test_a_collectors_load_arrives_to_the_last_record():
    ours = COLLECTOR["rows"][0]
    assert ours["received"] == ours["claimed"] == ours["emitted"] == 150_000
