"""What a host certainly didn't mean, said once per kind: a case that nobody knows, no tenant.

Beside the way: the door notes an unknown case (the caller's thread, no lock, no line), and a
thread of ours says it; the gateway stage says by itself that a tenant is missing. Without it such
events were counted, and nobody heard of them. Never a line per event: of cases, the first few
that are unknown are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from telemetry_actors._nearest import did_you_mean
from telemetry_actors._say import warn
from telemetry_actors._told_later import tell_later

if TYPE_CHECKING:
    from telemetry_actors.envelope import Item

__all__ = ["UnknownCases", "say_of_no_tenant", "shown_case"]

_MOST_NAMES: Final = 20
_OF_TYPE = "of type "
_LONGEST_NAME: Final = 64


class UnknownCases:
    """The first names of cases that a gateway was given and doesn't know.

    Args:
        known: those that it knows.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)
        self._names: dict[str, None] = {}

    def note(self, case: Any) -> None:
        """`emit()` was given *case*. Caller's thread, re-entrant; at most a thread is started."""
        name = shown_case(case)
        if name in self._names or len(self._names) >= _MOST_NAMES:
            return
        self._names[name] = None
        tell_later(f"unknown case {name}", partial(_say_of_unknown, name, self._known))


def shown_case(case: Any) -> str:
    """*case* as words, bounded: a text is itself, anything else is its type."""
    if not issubclass(type(case), str):
        return f"{_OF_TYPE}{type(case).__name__}"[:_LONGEST_NAME]
    return str.__str__(case)[:_LONGEST_NAME]


def _say_of_unknown(name: str, known: Sequence[str]) -> None:
    meant = did_you_mean(name, known) or "; register_case() makes one of your own known"
    if name.startswith(_OF_TYPE):
        name, meant = f"a case {name}", "; a case is a TelemetryCase or a text"
    else:
        name = f"case '{name}'"
    warn("%s is unknown (refused as unknown_case)%s", name, meant)


def say_of_no_tenant(batch: Iterable[Item]) -> bool:
    """Say it of the first event of *batch* that has none. A thread of ours.

    Returns:
        False: each has one.
    """
    found = next((envelope.case for _, envelope in batch if not envelope.tenant_id), None)
    if found is None:
        return False
    warn(
        "events without a tenant arrive, the first one of case %s: neither payload nor context has"
        " a tenant_id, so theirs is empty; put one into the context",
        found,
        at_once=1,
    )
    return True
