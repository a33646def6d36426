"""Modules that have moved go on working under their old names."""

import importlib
import sys

import pytest

from telemetry_actors import Reason
from telemetry_actors.base.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_is_the_module_at_its_new_place_and_says_so(old):
    sys.modules.pop(f"telemetry_actors.{old}", None)
    with pytest.warns(DeprecationWarning, match=f"telemetry_actors.{MOVED[old]} now"):
        found = importlib.import_module(f"telemetry_actors.{old}")

    assert found is importlib.import_module(f"telemetry_actors.{MOVED[old]}")


def test_a_name_is_one_class_under_both():
    sys.modules.pop("telemetry_actors.ledger", None)
    with pytest.warns(DeprecationWarning, match="books.ledger now"):
        from telemetry_actors.ledger import Reason as Old  # type: ignore[import-not-found]

    assert Old is Reason
