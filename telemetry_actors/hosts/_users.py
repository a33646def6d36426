"""Users of the process-wide gateway within one process: the first starts it, the last stops it.

A process may have several: an application in another one, two servers in two threads, the test
client of one application after another. None of them is to find the gateway stopped by another
while it is still in use.

A gateway that a test has put in its place (`telemetry_actors.testing.use_gateway`) is the test's:
it is neither started nor stopped here, only waited for.

`come` and `leave` wait, so they run on threads of their own (`run_beside`), never in an event loop.
"""

from __future__ import annotations

from contextlib import suppress

from supervisors.system.clock import SystemClock
from supervisors.system.process import ProcessLock, of_this_process
from telemetry_actors._process import get_gateway, is_of_a_test, standing_gateway
from telemetry_actors.base.log import say_at_the_end
from telemetry_actors.batch.crashes import why_not_up
from telemetry_actors.errors import SettingsError
from telemetry_actors.gateway import TelemetryGateway
from telemetry_actors.life.aside import Asked
from telemetry_actors.lifecycle.exit import say_what_was_lost, stop_all

_CHANGING = ProcessLock()
"""Held while the last one stops the gateway: who comes then is to find it stopped."""
_LONGEST_START_S = 5.0
"""For the host to wait for the tree. It goes on without, and the tree is built by and by."""
_clock = SystemClock()


class _Users(set["User"]):
    """Those of one process. A fork's child begins with none."""


class User:
    """One who needs the gateway from `come` to `leave`. Each of the two counts once."""

    def __init__(self) -> None:
        self._left = False

    def come(self) -> None:
        """Have the gateway started. What goes wrong is said at WARNING, and not raised."""
        with _CHANGING.here():
            if self._left:  # cancelled before it was our turn
                return
            of_this_process(_Users, _Users).add(self)
            gateway = _gateway()
        if gateway is not None and _is_wanted(gateway):
            _start(gateway)

    def leave(self) -> None:
        """Have the gateway stopped, if nobody else needs it, within the time for an exit.

        What was lost is said in one line.
        """
        with _CHANGING.here():
            users = of_this_process(_Users, _Users)
            was_here, self._left = self in users, True
            users.discard(self)
            gateway = standing_gateway()
            if was_here and not users and gateway is not None:
                _stop(gateway)


def _gateway() -> TelemetryGateway | None:
    try:
        return get_gateway()
    except SettingsError as error:  # `emit` says gateway_off
        say_at_the_end(f"no gateway: {error}")
        return None


def _is_wanted(gateway: TelemetryGateway) -> bool:
    """Off: without a single thread, until an event comes that goes another route."""
    on = gateway._settings.gateway_on
    return on and not is_of_a_test(gateway)


def _start(gateway: TelemetryGateway) -> None:
    """Wait for its tree, for no longer than a host can wait."""

    def start() -> None:
        try:
            gateway.start()
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- a sink of the user's
            why = why_not_up(error)
            say_at_the_end(f"the tree can't be started: {why}; the first event tries again")

    asked = Asked(start)
    with suppress(RuntimeError):  # no thread can be started: the first event tries again
        asked.aside()
        asked.wait(_clock, _clock.now_s() + _LONGEST_START_S)


def _stop(gateway: TelemetryGateway) -> None:
    timeout_s = gateway._exit_timeout_s()
    if timeout_s is None:  # somebody has stopped it
        return
    if is_of_a_test(gateway):
        gateway.flush(timeout_s)
        return
    say_what_was_lost(stop_all([gateway]), say_at_the_end, [gateway])
