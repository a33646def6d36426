"""The fixture ``telemetry``, for a host's own tests. Installed as ``telemetry_actors_pytest.py``.

pytest imports the plugins of everything that is installed, in each run of each project. So the
wheel has this file outside of the package (see ``pyproject.toml``), and nothing of ours is
imported before somebody asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from telemetry_actors.testing import Telemetry

__all__ = ["telemetry"]


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """What the code under test emits by ``telemetry_actors.emit``, with all flags on."""
    from telemetry_actors.testing import Telemetry, running_gateway, use_gateway

    with running_gateway() as (gateway, recording), use_gateway(gateway):
        yield Telemetry(gateway, recording)
