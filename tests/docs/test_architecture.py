"""The folder list of the architecture page is real, and links lead somewhere."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT, pages, shown

PAGE = (DOCS / "architecture.md").read_text()
ROOMS = PAGE.partition("## Rooms")[2].partition("## ")[0]
WAY = PAGE.partition("## The way down")[2]
PACKAGES = ("supervisors", "telemetry_actors")


def listed(package):
    """The rooms that the list has below *package*: folders, and files of its root."""
    ours, theirs = ROOMS.split("    supervisors/\n")
    lines = (theirs if package == "supervisors" else ours).splitlines()
    names = [line[:52] for line in lines if line.startswith(" " * 8)]  # what they are comes after
    return {word for line in names for word in re.findall(r"\b\w+(?:/|\.py)(?!\w)", line)}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_is_on_the_list_and_each_of_the_list_is_there(package):
    root = ROOT / package
    faces = ("__init__.py", "__main__.py", "pytest_plugin.py")
    rooms = {f"{p.parent.name}/" for p in root.glob("*/__init__.py")}
    files = {p.name for p in root.glob("*.py")} - set(faces)
    assert listed(package) == rooms | files


def test_every_file_on_the_way_down_is_there():
    files = re.findall(r"`([\w/]+\.py)`", WAY)
    assert len(files) > 20
    assert [f for f in files if not any((ROOT / a / f).is_file() for a in ("", *PACKAGES))] == []


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_no_page_names_a_place_of_one_machine(page):
    assert not re.findall(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", page.read_text())
