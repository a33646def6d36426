"""The page about performance is what its figures say, and the figures keep what is claimed."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks import charts
from benchmarks.contestants import OURS
from benchmarks.results import load, ratios_of
from tests.docs.performance import DOCS, FIGURES, PAGE, README, SDK, in_readme, page

MACHINE, RESULTS = load(FIGURES)
ROWS = {result["benchmark"]: result["rows"] for result in RESULTS}
DRAWN = [chart for chart in charts.CHARTS if charts.of(chart, RESULTS)]


def test_the_page_is_current():
    """If not: ``python -m tests.docs.performance``."""
    assert PAGE.read_text() == page(MACHINE, RESULTS)


def test_the_readme_quotes_todays_figures():
    assert README.read_text() == in_readme(README.read_text(), RESULTS)


@pytest.mark.parametrize("chart", DRAWN, ids=lambda chart: chart.file)
def test_each_chart_is_current_and_well_formed(chart):
    """If not: ``python -m benchmarks charts docs/performance.json``."""
    text = (DOCS / "charts" / chart.file).read_text()
    assert text == charts.drawn(
        chart.title, charts.of(chart, RESULTS), logarithmic=chart.logarithmic
    )
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_published_figures_are_what_one_comes_for():
    """Of the SDK's: a fifth of a call, half the processor time of an event of the mix."""
    found = {
        row["workload"]: ratios_of(ROWS["flood"], row)
        for row in ROWS["flood"]
        if row["subject"] == SDK and row["cell"].endswith(", 1 thread")
    }
    assert all(ratios["p50_us"] >= 5 for ratios in found.values())
    assert found["mix"]["cpu_us"] >= 2


def test_ours_is_in_every_table_that_has_contestants():
    for name, rows in ROWS.items():
        cells = {row["cell"] for row in rows}
        if name not in {"journal", "redis"}:
            assert {row["cell"] for row in rows if row["subject"] == OURS} == cells


def test_figures_of_a_quick_run_or_of_a_busy_machine_say_so():
    at_rest = {**MACHINE, "quick": False, "load_before": [0.1, 0.1, 0.1]}
    assert "smoke test" not in page(at_rest, RESULTS)
    assert "Others were at work" not in page(at_rest, RESULTS)
    assert "smoke test" in page({**at_rest, "quick": True}, RESULTS)
    assert "Others were at work" in page({**at_rest, "load_before": [3.0, 0, 0]}, RESULTS)
