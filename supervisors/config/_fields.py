"""What a configuration file may say: its tables, their keys, and what each key may hold.

The keys are the fields of the specifications (`core/spec.py`), which also check the values.
This page adds what a *form* needs: the shape of each value for JSON Schema. That the two
agree, value by value, is tested.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from functools import cache
from textwrap import dedent
from typing import Any

from supervisors.core.backoff import Backoff
from supervisors.core.check import MAX_COUNT
from supervisors.core.spec import ChildSpec, MailboxSpec, SupervisorSpec
from supervisors.core.words import AutoShutdown, Overflow, Restart, Shutdown, Strategy

Shape = Mapping[str, Any]

NONE = "none"
"""TOML has no null: where a specification may hold None, a file says ``"none"``."""

PARTS: Mapping[str, type] = {"mailbox": MailboxSpec, "backoff": Backoff}
"""Tables of their own, in the table of a child or a supervisor."""


def _one_of(*words: str) -> Shape:
    return {"enum": list(words)}


def _word(kind: type[StrEnum]) -> Shape:
    return _one_of(*map(str, kind))


def _count(low: int) -> Shape:
    return {"type": "integer", "minimum": low, "maximum": MAX_COUNT}


_FLAG: Shape = {"type": "boolean"}
_TEXT: Shape = {"type": "string", "minLength": 1}
_SECONDS: Shape = {"type": "number", "minimum": 0}
_SOME_SECONDS: Shape = {"type": "number", "exclusiveMinimum": 0}

SHAPES: Mapping[type, Mapping[str, Shape]] = {
    SupervisorSpec: {
        "strategy": _word(Strategy),
        "intensity": _count(0),
        "period_s": _SOME_SECONDS,
        "auto_shutdown": _word(AutoShutdown),
        "count_progress": _FLAG,
        "on_intensity": _one_of("exit", "park"),
        "probe_min_s": _SOME_SECONDS,
        "probe_max_s": _SOME_SECONDS,
    },
    ChildSpec: {
        "start": _TEXT,
        "args": {"type": "array"},
        "kwargs": {"type": "object"},
        "restart": _word(Restart),
        "shutdown_s": {"anyOf": [_SECONDS, _word(Shutdown)]},
        "significant": _FLAG,
        "type": _one_of("worker", "supervisor"),
        "dispatcher": _TEXT,
        "start_timeout_s": _SOME_SECONDS,
        "hang_after_s": _SOME_SECONDS,
        "redeliver": _count(0),
        "ask_errors": _one_of("reply", "reply_and_crash"),
    },
    MailboxSpec: {
        "max_items": _count(1),
        "max_bytes": _count(1),
        "overflow": _word(Overflow),
        "linger_s": _SECONDS,
        "linger_growth": {"type": "number", "minimum": 1},
        "batch_max_items": _count(1),
        "batch_max_bytes": _count(1),
    },
    Backoff: {
        "min_s": _SECONDS,
        "max_s": _SECONDS,
        "factor": {"type": "number", "minimum": 1},
        "jitter": {"type": "number", "minimum": 0, "maximum": 1},
        "stable_after_s": _SECONDS,
    },
}
"""Of every key but those that are tables of their own (``children``, ``mailbox``, ``backoff``)."""


@cache
def _fields(kind: type) -> dict[str, Field[object]]:
    return {field.name: field for field in fields(kind) if field.name != "id"}


def keys_of(kind: type) -> tuple[str, ...]:
    """The keys of a table, in the order of the specification."""
    return tuple(_fields(kind))


def may_be_none(kind: type, key: str) -> bool:
    """Whether a file may say ``"none"`` there."""
    return key != "shutdown_s" and _fields(kind)[key].default is None


def default_of(kind: type, key: str) -> Any:
    """The value where a file says nothing; None where there is none, or it depends."""
    field = _fields(kind)[key]
    if field.default is not MISSING:
        return field.default
    return None if field.default_factory is MISSING else field.default_factory()


@cache
def _meanings(kind: type) -> dict[str, str]:
    try:
        (tree,) = ast.parse(dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):  # installed without its sources
        return {}
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for before, after in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            found[before.target.id] = inspect.cleandoc(str(after.value.value)).replace("\n", " ")
    return found


def meaning_of(kind: type, key: str) -> str:
    """What the specification says about *key*; "" where it says nothing."""
    return _meanings(kind).get(key, "")
