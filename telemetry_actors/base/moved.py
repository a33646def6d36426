"""Modules that have moved: their old names go on working, and say where they are now.

`telemetry_actors/moved/` has a file for each old name; it lies on the package's path, so that
``import telemetry_actors.envelope`` finds it. What is imported is the module at its new place, so
that a class is one class under both names.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Final

MOVED: Final = {
    "batch_actor": "batch.actor",
    "cases": "event.cases",
    "dead_letters": "books.dead_letters",
    "definition": "event.definition",
    "envelope": "event.envelope",
    "ids": "event.ids",
    "inside": "base.inside",
    "ledger": "books.ledger",
    "sanitise": "event.sanitise",
    "signals": "event.signals",
    "status": "observe.status",
}


def moved(name: str) -> None:
    """Put the module at its new place in the place of *name*, an old one. At its import."""
    new = f"telemetry_actors.{MOVED[name.rpartition('.')[2]]}"
    warnings.warn(f"{name} is {new} now", DeprecationWarning, stacklevel=3)
    sys.modules[name] = import_module(new)


def know_old_names() -> None:
    """Have the old names found. At the import of the package."""
    package = Path(__file__).parents[1]
    path = sys.modules[package.name].__path__
    path.append(str(package / "moved"))


know_old_names()
