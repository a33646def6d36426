"""JSON Schema of the files that `supervisors.config` reads."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from supervisors.config._fields import (
    NONE,
    PARTS,
    SHAPES,
    default_of,
    keys_of,
    may_be_none,
    meaning_of,
)
from supervisors.core.backoff import Backoff
from supervisors.core.spec import ChildSpec, MailboxSpec, SupervisorSpec

if TYPE_CHECKING:
    from supervisors.config._reader import Guard, Path

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CHILDREN_MEAN = "Children by their ids, in start order."


def of_a_tree() -> dict[str, Any]:
    """A file that describes a whole tree."""
    supervisor = {**_properties(SupervisorSpec), "children": _children("child")}
    child = _properties(ChildSpec)
    worker = {key: value for key, value in child.items() if key != "type"}
    nested = {**{k: v for k, v in child.items() if k != "start"}, **supervisor}
    return {
        "$schema": _DIALECT,
        "title": "A supervision tree",
        **_table(supervisor),
        "$defs": {
            "backoff": _table(_properties(Backoff)),
            "mailbox": _table(_properties(MailboxSpec)),
            "child": {"anyOf": [{"$ref": "#/$defs/worker"}, {"$ref": "#/$defs/supervisor"}]},
            "worker": {**_table({**worker, "type": {"const": "worker"}}), "required": ["start"]},
            "supervisor": {
                **_table({**nested, "type": {"const": "supervisor"}}),
                "anyOf": [{"required": ["type"]}, {"required": ["children"]}],
            },
        },
    }


def of_overrides(spec: SupervisorSpec, guard: Guard) -> dict[str, Any]:
    """A file that overrides *spec*, with a table for each part of it."""
    return {
        "$schema": _DIALECT,
        "title": "What is different from a supervision tree",
        **_supervisor_as_is((), spec, guard),
    }


def _supervisor_as_is(path: Path, spec: SupervisorSpec, guard: Guard) -> dict[str, Any]:
    properties = _as_is(path, "", spec, guard)
    children = {c.id: _child_as_is((*path, c.id), c, guard) for c in spec.children}
    if children:
        properties["children"] = _table(children, _CHILDREN_MEAN)
    return _table(properties)


def _child_as_is(path: Path, spec: ChildSpec, guard: Guard) -> dict[str, object]:
    properties = _as_is(path, "", spec, guard)
    if isinstance(spec.start, SupervisorSpec):
        properties |= _supervisor_as_is(path, spec.start, guard)["properties"]
    return _table(properties)


def _as_is(path: Path, part: str, spec: object, guard: Guard) -> dict[str, object]:
    kind, properties = type(spec), dict[str, Any]()
    for key in keys_of(kind):
        name = f"{part}.{key}" if part else key
        if key in PARTS:
            inner = _as_is(path, key, getattr(spec, key), guard)
            if inner:
                properties[key] = _table(inner, meaning_of(kind, key))
        elif key not in ("children", "type") and not guard(path, name, ...):
            shape = _property(kind, key, getattr(spec, key))
            properties[key] = _let_through(shape, path, name, guard)
    return properties


def _let_through(shape: dict[str, Any], path: Path, name: str, guard: Guard) -> dict[str, object]:
    """Of words to choose from, those that the guard doesn't refuse."""
    if "anyOf" in shape:
        return {**shape, "anyOf": [_let_through(s, path, name, guard) for s in shape["anyOf"]]}
    if "enum" in shape:
        return {**shape, "enum": [word for word in shape["enum"] if not guard(path, name, word)]}
    return shape


def _properties(kind: type) -> dict[str, object]:
    keys = [key for key in keys_of(kind) if key != "children"]
    return {
        key: {"$ref": f"#/$defs/{key}"}
        if key in PARTS
        else _property(kind, key, default_of(kind, key))
        for key in keys
    }


def _property(kind: type, key: str, default: object) -> dict[str, object]:
    shape: dict[str, object] = dict(SHAPES[kind][key])
    if may_be_none(kind, key):
        shape = {"anyOf": [shape, {"const": NONE}]}
        default = NONE if default is None else default
    meaning = meaning_of(kind, key)
    if meaning:
        shape["description"] = meaning
    if isinstance(default, bool | int | float | str):
        shape["default"] = str(default) if isinstance(default, StrEnum) else default
    return shape


def _children(ref: str) -> dict[str, object]:
    return {
        "type": "object",
        "description": _CHILDREN_MEAN,
        "propertyNames": {"minLength": 1},
        "additionalProperties": {"$ref": f"#/$defs/{ref}"},
    }


def _table(properties: Mapping[str, object], meaning: str = "") -> dict[str, object]:
    table: dict[str, object] = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return {"description": meaning, **table} if meaning else table
