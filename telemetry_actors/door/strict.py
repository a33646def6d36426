"""The door where ``strict`` is on: what is certainly a mistake is counted, and raised.

For development. Stands in the place of `Intake` from the making of a gateway on, so that without
it `emit()` does nothing that it would not do anyway. The event is admitted or refused first; then
payload and context are looked at once more, as its handler will, on the caller's thread. The first
look imports the handlers (tens of milliseconds).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from telemetry_actors.base.inside import is_inside
from telemetry_actors.base.log import printable
from telemetry_actors.base.nearest import did_you_mean, nearest
from telemetry_actors.books.ledger import Admission
from telemetry_actors.books.mistakes import no_map, shown_case
from telemetry_actors.door._may_raise import may_raise
from telemetry_actors.door._packing import pack_event
from telemetry_actors.door.entries import Entry
from telemetry_actors.door.intake import Intake
from telemetry_actors.door.registry import registered_cases
from telemetry_actors.errors import CaseError, StrictError
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.definition_check import keys_of
from telemetry_actors.event.envelope import unpack_map
from telemetry_actors.event.forms import InvalidPayload
from telemetry_actors.event.marks import CYCLE, TOO_DEEP
from telemetry_actors.event.sanitise import sanitise

_ALIKE: Final = 0.75
_KEY: Final = 64
_TENANT: Final = "tenant_id"
_MARKED: Final = re.compile(
    rf"{CYCLE}|{TOO_DEEP}|<unreadable .*|<[^<>]* object at 0x[0-9a-f]+>", re.ASCII
)


class StrictIntake(Intake):
    """See `Intake`."""

    def emit(
        self, case: object, context: object, payload: object, manager: object, event_id: object
    ) -> Admission:
        """As `Intake.emit`.

        Raises:
            StrictError: what was handed in is a mistake; all is counted.
        """
        verdict = super().emit(case, context, payload, manager, event_id)
        problem = None
        with suppress(Exception):  # the look itself costs nobody an event
            if verdict is not Admission.STOPPING and not is_inside() and may_raise(sys._getframe()):
                problem = self._problem(case, context, payload) or _no_id(event_id)
        if problem is not None:
            raise StrictError(printable(shown_case(case)), printable(problem))
        return verdict

    def _problem(self, case: object, context: Any, payload: Any) -> str | None:
        entry = self._entry(case)
        if entry is self._unknown:
            return (
                f"unknown (refused as unknown_case){did_you_mean(shown_case(case), self._entries)}"
            )
        packed = pack_event(entry, context, payload)
        if packed is None:
            return f"{no_map(context, payload)} (invalid)"
        if not packed[1]:
            return _no_tenant(unpack_map(packed[0]))
        kept = unpack_map(packed[2])
        return (
            self._problem_of_payload(entry, kept)
            or _formless("payload", payload, kept)
            or _formless("context", context, unpack_map(packed[0]))
        )

    def _problem_of_payload(self, entry: Entry, payload: dict[str, object]) -> str | None:
        from telemetry_actors.handlers import DEFINITIONS
        from telemetry_actors.handlers.forms import PayloadReader

        definition = registered_cases().get(entry.name) or DEFINITIONS[TelemetryCase(entry.name)]
        problem = _misspelt(_keys(definition), payload)
        if problem is not None:
            return problem
        try:
            _, unread = PayloadReader(definition).read(payload)
        except InvalidPayload as error:
            return f"the payload is invalid (invalid_payload): {error}"
        if unread:
            return (
                f"the payload is invalid: {', '.join(unread)} can't be read and would be left out"
            )
        return None


def _formless(
    what: str, given: Mapping[object, object] | None, kept: Mapping[str, object]
) -> str | None:
    """A value that the wire has no form for: a mark stands in its place, or an address."""
    for key, value in (given or {}).items():
        if type(value) is not str and type(key) is str and _is_marked(kept.get(key)):
            words = f"the {what}'s {key[:_KEY]} ({type(value).__name__[:_KEY]})"
            return f"{words} can't be carried: it holds itself, is too deep, or is a mere object"
    return None


def _is_marked(value: object) -> bool:
    if isinstance(value, str):
        return _MARKED.match(value) is not None
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_is_marked, inner))


def _no_id(event_id: object) -> str | None:
    """It is given, and no text can be made of it: the event has one that nobody knows."""
    if event_id is None or type(event_id) is str or str(sanitise(event_id))[:1] not in ("", "<"):
        return None
    return f"the event_id is a {type(event_id).__name__[:_KEY]}, so a new one is made; give a text"


def _no_tenant(context: Mapping[str, object]) -> str:
    meant = nearest(_TENANT, [key[:_KEY] for key in context if key != _TENANT])
    words = f"; the context has {meant}: did you mean {_TENANT}?" if meant is not None else ""
    return f"no tenant: neither payload nor context has a {_TENANT}{words}"


def _keys(definition: CaseDefinition[object]) -> list[str]:
    from pydantic import TypeAdapter

    try:
        fields = keys_of(definition.case, TypeAdapter(definition.model).core_schema)
    except CaseError:  # a model whose keys nobody can tell
        return []
    return [key for keys in fields for key in keys]


def _misspelt(known: Iterable[str], payload: Mapping[str, object]) -> str | None:
    """A key that the model doesn't have, like one that it has and that is missing here."""
    there = {*known, _TENANT}
    missing = sorted(there - payload.keys()) if len(there) > 1 else []
    for key in payload.keys() - there:
        meant = nearest(key, missing, _ALIKE)
        if meant is not None:
            return f"the payload has no key {key[:_KEY]}; did you mean {meant}?"
    return None
