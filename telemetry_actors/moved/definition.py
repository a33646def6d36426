"""An old name; see `telemetry_actors/base/moved.py`."""

from telemetry_actors.base.moved import moved

moved(__name__)
