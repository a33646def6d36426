"""What a test asked for, what the receiver got of it, and what was said of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tests.receivers.oteltap import OtelTap

__all__ = ["Arrivals", "UnbalancedError", "arrivals", "balance", "losers", "lost", "without_advice"]


class UnbalancedError(AssertionError):
    """An event was lost without a word, came twice, or shares its uid with another."""


_ADVICE = re.compile(
    r"what is queued then is lost: |loses what is queued in its workers: "
    r"|stop_on_sigterm\(\) was called while |are not delivered yet, and the process is told to end"
)
_LOST = re.compile(r"(\d+) events were not delivered")
_NOT_YET = re.compile(r"(\d+) events are not delivered yet")
"""At SIGTERM; it is the last word where the rest is not delivered either."""


class Arrivals(NamedTuple):
    """The log records of one test."""

    app_ids: list[str]
    uids: list[str]


def arrivals(tap: OtelTap, mark: str) -> Arrivals:
    """What has come from the tenant *mark*."""
    found = Arrivals([], [])
    for log in tap.received().logs:
        values = {pair["key"]: pair["value"].get("stringValue", "") for pair in log["attributes"]}
        if values.get("dify.tenant_id") == mark:
            found.app_ids.append(values["dify.app_id"])
            found.uids.append(values["log.record.uid"])
    return found


def without_advice(errors: str) -> list[str]:
    """Its lines, but for those that say which kit is missing, or that not all is out yet."""
    return [line for line in errors.splitlines() if not _ADVICE.search(line)]


def lost(errors: str) -> int:
    """What the processes of a host have said that they lost, in all."""
    return max(sum(map(int, said.findall(errors))) for said in (_LOST, _NOT_YET))


def losers(errors: str) -> int:
    """How many of its processes have said that they lost something."""
    return max(len(said.findall(errors)) for said in (_LOST, _NOT_YET))


def balance(
    asked: Iterable[str],
    accepted: Iterable[str],
    came: Arrivals,
    lost_count: int,
    *,
    all_come: bool = True,
) -> None:
    """Each event that was accepted has come once, as a record of its own, or was said to be lost.

    A request without an answer may have come to its event or not; *asked* has all of them.

    Args:
        all_come: the receiver is well, so that nothing needs be lost.

    Raises:
        UnbalancedError: it is not so.
    """
    asked, accepted, seen = set(asked), set(accepted), set(came.app_ids)
    what = f"{len(seen & accepted)} of {len(accepted)} came, {lost_count} were said to be lost"
    _hold(seen <= asked, f"events that nobody asked for: {seen - asked}")
    _hold(len(came.app_ids) == len(seen), f"events that came twice: {what}")
    _hold(len(set(came.uids)) == len(came.uids), f"events that share a uid: {what}")
    _hold(len(accepted - seen) <= lost_count <= len(asked - seen), what)
    _hold(not all_come or accepted <= seen, what)


def _hold(condition: bool, what: str) -> None:
    if not condition:
        raise UnbalancedError(what)
