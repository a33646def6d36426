"""Whether sinks that a user hands in can be used: said where they are handed in, and in one line.

Beside `gateway.py`, on the constructor's thread. What a method returns shows only when it is called
(`base/misfit.py`); that it is there, and can be called, shows here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Final

from telemetry_actors.errors import SettingsError
from telemetry_actors.ports import Sink

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_CALLED: Final = {"encode": 2, "size_of": 1, "export": 3, "export_metrics": 2, "close": 0}
"""Methods of a sink, and how many arguments each is called with."""
_MAY_BE_CALLED: Final = {"endpoint_of": 1, "interrupt": 0}
_NAMES: Final = "must be a name of its own for each, of letters, digits, '.', '_' and '-'"


def check_sinks(sinks: Sequence[Sink] | None) -> Sequence[Sink] | None:
    """*sinks*, if each can be used, and told from the others in the tree and in the books.

    Raises:
        SettingsError: one can't.
    """
    if sinks is None:
        return None
    if isinstance(sinks, Sink) or not isinstance(sinks, (list, tuple)):
        raise _unusable(sinks, "must be a list of sinks, such as [OtlpSink(...)]")
    names = []
    for sink in sinks:
        names.append(_name_of(sink))
        _check_methods(sink)
    for name in names:
        if names.count(name) > 1 or not _NAME.fullmatch(name):
            raise SettingsError("sinks", value=repr(name), allowed=_NAMES)
    return sinks


def _unusable(value: object, allowed: str) -> SettingsError:
    shown = value.__name__ if isinstance(value, type) else type(value).__name__
    return SettingsError("sinks", value=shown, allowed=allowed)


def _name_of(sink: object) -> str:
    if isinstance(sink, type):
        raise _unusable(sink, "must be sinks, and this is a class: call it")
    if sink is None:
        raise SettingsError("sinks", value="[None]", allowed="None is no sink")
    name = getattr(sink, "name", None)
    if not isinstance(name, str):
        raise _unusable(sink, f"its name is a {type(name).__name__}; it {_NAMES}")
    return name


def _check_methods(sink: object) -> None:
    for name, count in (_CALLED | _MAY_BE_CALLED).items():
        method = getattr(sink, name, None)
        if method is None and name in _MAY_BE_CALLED:
            continue
        problem = _problem_of(method, count)
        if problem:
            raise _unusable(sink, f"its {name} {problem}; a sink is telemetry_actors.ports.Sink")


def _problem_of(method: object, count: int) -> str:
    if method is None:
        return "is missing"
    if not callable(method):
        return f"is a {type(method).__name__}, which can't be called"
    if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
        return "is a coroutine or a generator, and it is called as a plain method"
    try:
        inspect.signature(method).bind(*[None] * count)
    except TypeError:
        return f"must take {count} arguments"
    except ValueError:  # made in C, and silent about it
        return ""
    return ""
