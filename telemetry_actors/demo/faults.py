"""The demo's accidents: two actors are ended by force, and their restarts are waited for.

Wraps a source of events, so that an accident happens in the middle of the flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from supervisors.testing import crash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from telemetry_actors.demo.event import MadeEvent
    from telemetry_actors.gateway import TelemetryGateway

_RESTART_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.01


class ForcedEndError(Exception):
    """What the demo makes an actor raise. Nothing is wrong with the actor."""


class Accidents:
    """Ends each of some actors once, at even distances in the flow of events."""

    def __init__(
        self, gateway: TelemetryGateway, paths: tuple[str, ...], note: Callable[[str], None]
    ) -> None:
        """Plan one accident for each of *paths*.

        Args:
            gateway: started.
            paths: places in the tree, such as ``sinks/logs``.
            note: told what happened, one line each.
        """
        self._gateway = gateway
        self._paths = paths
        self._note = note
        self.came_back: dict[str, bool] = {}
        """For each accident so far: whether the restart showed in time."""

    def within(self, events: Iterable[MadeEvent], total: int) -> Iterator[MadeEvent]:
        """The same *events*, with the accidents between them."""
        distance = max(total // (len(self._paths) + 1), 1)
        due = {distance * (i + 1): path for i, path in enumerate(self._paths)}
        for count, event in enumerate(events):
            if count in due:
                self._end(due[count])
            yield event

    def _end(self, path: str) -> None:
        before = self._restarts()
        crash(self._gateway._ref(path), ForcedEndError(f"{path} was ended by the demo"))
        try:
            Retrying(
                retry=retry_if_result(lambda restarts: restarts <= before),
                wait=wait_fixed(_LOOK_EVERY_S),
                stop=stop_after_delay(_RESTART_WITHIN_S),
            )(self._restarts)
        except RetryError:
            self.came_back[path] = False
            self._note(f"{path}: ended by force, and NOT back after {_RESTART_WITHIN_S:g} s")
        else:
            self.came_back[path] = True
            self._note(f"{path}: ended by force; its supervisor has restarted it")

    def _restarts(self) -> int:
        return self._gateway.status().restarts
