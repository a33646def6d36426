"""The folder list of the architecture page is real, and links lead somewhere."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT, pages, shown

FOLDERS = (DOCS / "architecture.md").read_text().partition("## Folders")[2]
WORD = re.compile(r"[\w/]+/(?=\s)|\w+\.py\b")


def listed():
    """The paths of the files that the page names, by the folder line above them."""
    files, folders = set(), {}
    for line in FOLDERS.splitlines():
        indent = len(line) - len(line.lstrip())
        words = WORD.findall(line)
        if line.strip() and words and words[0].endswith("/") and indent >= 4:
            folders = {i: name for i, name in folders.items() if i < indent} | {indent: words[0]}
            words = words[1:]
            indent += 1
        above = "".join(name for i, name in sorted(folders.items()) if i < indent)
        files |= {above + word for word in words if word.endswith(".py")}
    return files


def test_every_file_of_the_folder_list_exists():
    """The list in docs/architecture.md may leave files out; what it names is there."""
    files = listed()
    assert len(files) > 90
    assert [file for file in sorted(files) if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("package", ["supervisors", "telemetry_actors"])
def test_every_folder_is_on_the_list(package):
    real = {shown(path.parent) for path in (ROOT / package).rglob("*.py")}
    assert real - {file.rpartition("/")[0] for file in listed()} == set()


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_page_names_a_place_of_one_machine(page):
    assert not re.findall(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", page.read_text())
