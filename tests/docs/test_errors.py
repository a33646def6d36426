"""Every public exception has its section, and every section its exception."""

import inspect
import re

import pytest

from supervisors import errors as supervision
from telemetry_actors import errors as telemetry
from tests.docs.pages import DOCS

PAGE = (DOCS / "errors.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^##? |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def exceptions():
    return [
        value
        for module in (telemetry, supervision)
        for name in module.__all__
        if inspect.isclass(value := getattr(module, name)) and issubclass(value, BaseException)
    ]


@pytest.mark.parametrize("error", exceptions(), ids=lambda error: error.__name__)
def test_an_exception_has_a_section_that_names_it(error):
    """The anchor is its code; the section says who raises it and what to do."""
    section = SECTIONS[error.code]
    assert re.search(rf"\*\*Class\*\* `[\w.]+\.{error.__name__}`", section)
    assert "**Raised by**" in section
    assert "**What to do.**" in section


def test_no_section_is_without_an_exception():
    assert set(SECTIONS) == {error.code for error in exceptions()}


def test_codes_are_unique():
    codes = [error.code for error in exceptions()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("path", re.findall(r"\*\*Class\*\* `([\w.]+)`", PAGE))
def test_a_class_can_be_imported_from_where_the_page_says(path):
    module, _, name = path.rpartition(".")
    assert inspect.isclass(getattr(__import__(module, fromlist=[name]), name))
