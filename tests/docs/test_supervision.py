"""docs/supervision.md: what its table says of Pykka and of us is held by the tests it names."""

import re

from tests.docs.pages import DOCS, blocks, named_tests, suite

PAGE = DOCS / "supervision.md"


def test_every_test_that_the_page_names_exists():
    named = named_tests(PAGE.read_text())

    assert len(named) >= 15
    assert [name for name in named if name not in suite()] == []


def test_each_row_of_the_comparison_is_held_on_both_sides():
    table = PAGE.read_text().split("| | stock Pykka | supervised |\n|---|---|---|\n")[1]
    rows = [line.split("|")[2:4] for line in table.split("\n\n")[0].splitlines()]

    assert len(rows) >= 8
    assert [row for row in rows if not all("test_" in cell for cell in row)] == []


def test_the_problem_is_told_in_about_ten_lines():
    first = next(block for block in blocks(PAGE) if block.language == "python")

    assert len([line for line in first.text.splitlines() if line.strip()]) <= 11
    assert "supervisors" not in first.text


def test_links_within_the_page_lead_somewhere():
    text = PAGE.read_text()
    anchors = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }

    assert [link for link in re.findall(r"\]\(#([\w-]+)\)", text) if link not in anchors] == []
