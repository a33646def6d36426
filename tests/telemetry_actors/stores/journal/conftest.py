"""Rigs keep their pages beside their journals, on whatever the tests are run on."""

import pytest

from telemetry_actors.stores.journal import _home


@pytest.fixture(autouse=True)
def _pages_may_be_on_a_disk(monkeypatch):
    monkeypatch.setattr(_home, "is_memory", lambda _directory: True)
