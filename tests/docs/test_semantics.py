"""A promise stands beside the test that holds it, and the test exists."""

import re

import pytest

from tests.docs.pages import DOCS, README, ROOT, named_tests, pages, shown, suite

PAGE = (DOCS / "semantics.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
HEADINGS = re.compile(r"^### (g\d\d)\. ", re.MULTILINE)
KEPT = set(HEADINGS.findall(SECTIONS["Kept"]))
IN_PART = set(HEADINGS.findall(SECTIONS.get("Kept in part", "")))
NOT_YET = set(re.findall(r"^\| (g\d\d) \|", SECTIONS.get("Not yet", ""), re.MULTILINE))
BULLET = re.compile(r"^- .+?(?=\n- |\n\n|\Z)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_every_test_that_a_page_names_exists(page):
    unknown = set(named_tests(page.read_text())) - set(suite())
    assert not unknown


def test_every_promise_is_in_one_place():
    """Kept, kept in part, or not yet; thirty in all."""
    assert {f"g{n:02}" for n in range(1, 31)} == KEPT | IN_PART | NOT_YET
    assert len(KEPT) + len(IN_PART) + len(NOT_YET) == 30


def test_every_sentence_that_promises_something_names_its_test():
    promised = "".join(SECTIONS.get(name, "") for name in ("Accounting", "Kept", "Kept in part"))
    bullets = BULLET.findall(promised)
    assert len(bullets) > 60
    assert [bullet for bullet in bullets if not named_tests(bullet)] == []


def test_every_numbered_test_belongs_to_a_promise_that_is_kept():
    """``test_g14_...`` needs a promise g14 above the table "Not yet"."""
    numbered = {name: name[5:8] for name in suite() if re.match(r"test_g\d\d_", name)}
    assert numbered
    assert {n: g for n, g in numbered.items() if g not in KEPT | IN_PART} == {}


@pytest.mark.parametrize("promise", sorted(KEPT))
def test_a_kept_promise_has_tests_that_bear_its_number(promise):
    assert [name for name in suite() if name.startswith(f"test_{promise}_")]


def test_the_guarantees_of_the_readme_link_to_the_file_that_holds_the_test():
    links = re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", README.read_text())
    assert len(links) >= 7
    assert [(t, f) for t, f in links if ROOT / f not in suite().get(t, [])] == []


def test_the_readme_fits_on_its_screens():
    """At most 120 lines, and the example with its output within the first 35."""
    lines = README.read_text().splitlines()
    assert len(lines) <= 120
    assert "accepted 1 True" in lines[:35]
