"""Decisions: a number that is cited exists, and a record has its form."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT, shown

RECORDS = sorted((DOCS / "adr").glob("*.md"))
NUMBERS = {path.name[:4] for path in RECORDS}
HEADINGS = ["Context", "Decision", "Consequences", "Rejected", "What would change our mind"]
SOURCES = sorted(
    path
    for folder in ("supervisors", "telemetry_actors", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)


def test_every_record_that_a_module_cites_exists():
    cited = {
        (shown(path), number)
        for path in SOURCES
        for number in re.findall(r"ADR[- ](\d{4})", path.read_text())
    }
    assert {(path, number) for path, number in cited if number not in NUMBERS} == set()


def test_numbers_run_from_one_without_a_gap():
    assert sorted(NUMBERS) == [f"{n:04}" for n in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("path", RECORDS, ids=shown)
def test_a_record_has_its_form(path):
    """At most 60 lines, and what would reopen it."""
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert text.startswith(f"# {path.name[:4]}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("path", RECORDS, ids=shown)
def test_the_files_that_a_record_concerns_exist(path):
    head = path.read_text().partition("## Context")[0]
    files = re.findall(r"`([\w/]+\.py)`", head)
    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []
