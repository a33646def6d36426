"""The user's own cases: one registry for the process.

Beside the way: a gateway takes a copy when it is made, and goes by that for its whole life
(in the child of a fork, too), so that the door, the router and the handlers never disagree.
A case that is registered later counts for gateways that are made later; that is said at
WARNING, and an earlier gateway refuses it as ``unknown_case``.

Any thread. Readers take no lock: what they read is replaced as a whole. A writer's lock is its
process's own, so that the child of a fork never waits for a thread that it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from supervisors.system.process import ProcessLock
from telemetry_actors.base.log import warn
from telemetry_actors.door.entries import UNKNOWN_CASE
from telemetry_actors.errors import CaseError
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.definition_check import check_name
from telemetry_actors.event.instrument_check import check_instruments, differences
from telemetry_actors.event.signals import Instrument

Cases = Mapping[str, CaseDefinition[Any]]
P = TypeVar("P")

_NONE: Final[Cases] = MappingProxyType({})
_NOW: Final[dict[str, Cases]] = {"cases": _NONE}
_LOCK: Final = ProcessLock()


class Reader(Protocol):
    """Someone who has taken a copy: a gateway's door."""

    closed: bool


_READERS: Final[WeakValueDictionary[int, Reader]] = WeakValueDictionary()


def register_case(definition: CaseDefinition[P]) -> CaseDefinition[P]:
    """Make a case of your own known to every gateway that is made from now on.

    Do it where your module is imported, before the first gateway is made (or the first
    module-level `emit()`, which makes one). Not to be undone; tests use
    `telemetry_actors.testing.registered_case`.

    Args:
        definition: of the case.

    Returns:
        *definition*, so that one statement can define and register.

    Raises:
        CaseError: the name or an instrument can't be used or is taken. Nothing was registered.
    """
    _check(definition)
    with _LOCK.here():
        cases = registered_cases()
        if definition.case in cases:
            raise CaseError(definition.case, "it is registered already")
        _check_against_others(definition, cases)
        _NOW["cases"] = MappingProxyType({**cases, definition.case: definition})
    if any(reader is not None and not reader.closed for reader in _readers()):
        warn(
            "case %s is registered after a gateway was made, which refuses it as unknown_case;"
            " register it where its module is imported",
            definition.case,
        )
    return definition


def unregister_case(case: str) -> None:
    """Forget a registered case; gateways that know it go on knowing it. For tests."""
    with _LOCK.here():
        rest = {name: known for name, known in registered_cases().items() if name != case}
        _NOW["cases"] = MappingProxyType(rest)


def registered_cases() -> Cases:
    """The registered cases as of now, in order; read-only, and never changed afterwards."""
    return _NOW["cases"]


def note_reader(reader: Reader) -> None:
    """Remember, for as long as it lives, that *reader* goes by the cases as of now."""
    _READERS[id(reader)] = reader


def _readers() -> list[Reader | None]:
    return [found() for found in _READERS.valuerefs()]


def _check(definition: object) -> None:
    if not isinstance(definition, CaseDefinition):
        raise CaseError(
            type(definition).__name__, "register_case takes a CaseDefinition, and this is none"
        )
    check_name(definition.case)
    if definition.case in list(TelemetryCase):
        raise CaseError(definition.case, "it is one of the fourteen; they are built in")
    if definition.case == UNKNOWN_CASE:
        raise CaseError(definition.case, "the ledger keeps this name for unknown cases")
    check_instruments(definition.case, definition.instruments)


def _check_against_others(definition: CaseDefinition[Any], cases: Cases) -> None:
    """One name is one instrument, whoever measures with it: the aggregates add them up."""
    from telemetry_actors.handlers import INSTRUMENTS  # only who registers pays for it

    taken = {ours.name.lower(): (ours, "of ours") for ours in INSTRUMENTS}
    for other in cases.values():
        taken |= {i.name.lower(): (i, f"of case {other.case}") for i in other.instruments}
    for instrument in definition.instruments:
        found, whose = taken.get(instrument.name.lower(), (instrument, ""))
        if found != instrument:
            raise CaseError(
                definition.case,
                f"instrument {_shown(instrument)} is {_shown(found)} {whose};"
                " take another name, or declare the same (they differ:"
                f" {differences(instrument, found)})",
            )


def _shown(instrument: Instrument) -> str:
    return f"{instrument.name} ({instrument.kind}, {instrument.unit or 'no unit'})"
