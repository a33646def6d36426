"""What is wrong with a declared instrument, and with a value that a mapping measures with it.

Beside the way: asked when a case is registered, and each time a mapping of a user's own has
measured. An instrument is int or float by its declaration, never by the value; so a value of the
other kind is the mapping's fault, and costs its event (``handler_crash``).

Pure functions. A message about a value says its type, never itself: it may be content.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from telemetry_actors.base.misfit import a_kind
from telemetry_actors.errors import CaseError
from telemetry_actors.event.own_metrics import OWN_PREFIXES, is_own
from telemetry_actors.event.signals import MOST, Instrument, Measurement

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,254}", re.ASCII)
_MAX_UNIT_CHARS: Final = 63
_MAX_KEY_CHARS: Final = 64
_MAX_BUCKETS: Final = 200
_KINDS: Final = ("counter", "updown_counter", "gauge", "histogram")
_MAY_FALL: Final = frozenset({"updown_counter", "gauge"})
_OWN: Final = " and ".join(f"{prefix}*" for prefix in OWN_PREFIXES)


# -- declared -------------------------------------------------------------------------------------


def check_instruments(case: str, instruments: Iterable[object]) -> None:
    """Raises `CaseError` unless each can be exported, and no name is declared in two ways."""
    declared: dict[str, Instrument] = {}
    for instrument in instruments:
        if not isinstance(instrument, Instrument):
            raise CaseError(case, f"{instrument!r} is no Instrument")
        problem = _problem_of(instrument)
        if problem is not None:
            raise CaseError(case, problem)
        other = declared.setdefault(instrument.name.lower(), instrument)
        if other != instrument:
            raise CaseError(
                case,
                f"instrument {instrument.name} is declared in two ways:"
                f" {differences(other, instrument)}",
            )


def differences(one: Instrument, other: Instrument) -> str:
    """What two declarations of one name differ in, as ``kind counter and gauge, unit ...``."""
    pairs = zip(one._fields, one, other, strict=True)
    return ", ".join(f"{key} {_shown(a)} and {_shown(b)}" for key, a, b in pairs if a != b)


def _shown(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    return str(value) if value or value == 0 else "none"


def _problem_of(instrument: Instrument) -> str | None:
    name, kind, unit = instrument[:3]
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        return (
            f"instrument name {name!r}: must be a letter and then letters, digits or _.-/,"
            " 255 at most"
        )
    if is_own(name.lower()):
        return f"instrument {name}: names of {_OWN} are the gateway's own"
    if not (isinstance(kind, str) and kind in _KINDS):
        return f"instrument {name}: kind {kind!r} must be {_words(_KINDS)}{_nearest(kind)}"
    if not (isinstance(unit, str) and unit.isascii() and len(unit) <= _MAX_UNIT_CHARS):
        return f"instrument {name}: the unit must be ASCII, {_MAX_UNIT_CHARS} at most"
    problem = _problem_of_number(instrument) or _problem_of_buckets(instrument)
    return None if problem is None else f"instrument {name}: {problem}"


def _words(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _nearest(kind: object) -> str:
    near = difflib.get_close_matches(str(kind).lower(), _KINDS, n=2, cutoff=0.5)
    return f" (nearest: {_words(near) if len(near) > 1 else near[0]})" if near else ""


def _problem_of_number(instrument: Instrument) -> str | None:
    number: object = instrument.number
    if number is not int and number is not float:
        shown = number.__name__ if isinstance(number, type) else repr(number)
        return f"number {shown} must be int or float, the types themselves"
    if instrument.kind == "histogram" and number is int:
        return "a histogram is float; leave number out"
    return None


def _problem_of_buckets(instrument: Instrument) -> str | None:
    bounds: object = instrument.buckets
    if type(bounds) is not tuple:
        return f"buckets {bounds!r} must be a tuple of numbers"
    if bounds and instrument.kind != "histogram":
        return f"only a histogram has buckets, and this is a {instrument.kind}"
    if len(bounds) > _MAX_BUCKETS:
        return f"{len(bounds)} buckets; {_MAX_BUCKETS} are allowed"
    found = next((problem for bound in bounds if (problem := _problem_of_bound(bound))), None)
    if found is not None:
        return found
    falls = [(below, bound) for below, bound in pairwise(bounds) if bound <= below]
    return f"buckets must rise, and {falls[0][1]!r} comes after {falls[0][0]!r}" if falls else None


def _problem_of_bound(bound: object) -> str | None:
    if isinstance(bound, bool) or not isinstance(bound, (int, float)):
        return f"buckets must be numbers, and {bound!r} is a {type(bound).__name__}"
    if not -MOST <= bound <= MOST:  # False for a NaN, and no overflow with any int
        return "buckets must be finite (what is above the last has a bucket already)"
    return None


# -- measured -------------------------------------------------------------------------------------


def problem_of_measurement(measurement: Measurement, known: Sequence[Instrument]) -> str | None:
    """What of *measurement* the aggregates could not take; None: nothing."""
    instrument, keys, labels, value = measurement
    if type(instrument) is not Instrument:
        return f"a measurement of a {type(instrument).__name__}, which is no Instrument"
    if instrument not in known:
        names = [one.name for one in known]  # its own may hold content, unless it is one of them
        if instrument.name in names:
            return f"a measurement of {instrument.name}, which its definition declares otherwise"
        declared = ", ".join(names) or "none"
        return f"a measurement that its definition does not declare (declared: {declared})"
    problem = _problem_of_labels(keys, labels, instrument.name)
    if problem is not None:
        return f"a measurement that doesn't fit: {problem}"
    problem = _problem_of_value(instrument, value)
    if problem is None:
        return None
    return f"{a_kind(value)} that {instrument.name} can't take: {problem}"


def _problem_of_value(instrument: Instrument, value: object) -> str | None:
    if type(value) is not int and type(value) is not float:
        return "no int or float" if type(value) is not bool else "a bool is no number"
    if instrument.number is int and type(value) is float:
        return f"this {instrument.kind} is declared int (number=float takes fractions)"
    if instrument.number is float and not -MOST <= value <= MOST:
        return "not finite, or too large"
    if value < 0 and instrument.kind not in _MAY_FALL:
        return f"a {instrument.kind} takes no negative number"
    return None


def _problem_of_labels(keys: Any, labels: Any, of: str) -> str | None:
    for what, found in (("keys", keys), ("values", labels)):
        if type(found) is not tuple:
            return f"the label {what} of {of} are {a_kind(found)}; a tuple of texts is wanted"
    if len(keys) != len(labels):
        return f"{of} has {len(keys)} label keys and {len(labels)} values"
    for key, label in zip(keys, labels, strict=True):
        if type(key) is not str:
            return f"a label key of {of} is {a_kind(key)}; a text is wanted"
        if type(label) is not str:
            return f"label {key[:_MAX_KEY_CHARS]} of {of} is {a_kind(label)}; a text is wanted"
    return None
