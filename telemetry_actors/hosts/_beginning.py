"""What a host's processes can do when they begin, so that later nobody waits for it."""

from __future__ import annotations

from supervisors.system.fork import LONGEST_IMPORT_S, whole
from telemetry_actors._process import get_gateway, is_gateway_enabled
from telemetry_actors.base.log import say_at_the_end
from telemetry_actors.errors import SettingsError


def import_for_children() -> None:
    """Import all that a tree needs, in a process that is going to fork; start nothing.

    It takes about 0.7 s (protobuf, the HTTP client), which each child would pay with its first
    event, and a process that lives for one job at each job. Any thread; a fork waits for it.
    """
    with whole(LONGEST_IMPORT_S):
        import telemetry_actors.life.building
        import telemetry_actors.tree.whole  # noqa: F401


def begin_worker() -> None:
    """In a process that is going to emit: what an earlier one left in the journal is sent soon.

    Not only when the first event comes. Any thread. Says what is wrong with the settings.
    """
    if not is_gateway_enabled():
        return
    try:
        get_gateway()
    except SettingsError as error:
        say_at_the_end(str(error))
