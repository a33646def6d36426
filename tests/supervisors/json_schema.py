"""A JSON Schema validator for the words that `supervisors.config` uses, and no others."""

from __future__ import annotations

from typing import Any

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
_SAYS_NOTHING = {"$schema", "$defs", "title", "description", "default"}


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    """Whether *value* is valid; an unknown word of the schema is a KeyError."""
    root = root or schema
    return all(
        _WORDS[word](schema, schema[word], value, root)
        for word in schema
        if word not in _SAYS_NOTHING
    )


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _properties(schema, known, value, root):
    return not isinstance(value, dict) or all(
        accepts(known[key], inner, root) for key, inner in value.items() if key in known
    )


def _additional(schema, rule, value, root):
    if not isinstance(value, dict):
        return True
    others = [inner for key, inner in value.items() if key not in schema.get("properties", {})]
    return not others if rule is False else all(accepts(rule, inner, root) for inner in others)


def _reference(schema, path, value, root):
    found = root
    for step in path.removeprefix("#/").split("/"):
        found = found[step]
    return accepts(found, value, root)


_WORDS = {
    "$ref": _reference,
    "type": lambda s, kind, value, r: _is(kind, value),
    "enum": lambda s, words, value, r: value in words,
    "const": lambda s, word, value, r: value == word,
    "minimum": lambda s, low, value, r: not _number(value) or value >= low,
    "maximum": lambda s, high, value, r: not _number(value) or value <= high,
    "exclusiveMinimum": lambda s, low, value, r: not _number(value) or value > low,
    "minLength": lambda s, low, value, r: not isinstance(value, str) or len(value) >= low,
    "anyOf": lambda s, choices, value, r: any(accepts(c, value, r) for c in choices),
    "required": lambda s, keys, value, r: not isinstance(value, dict) or set(keys) <= set(value),
    "propertyNames": lambda s, rule, value, r: (
        not isinstance(value, dict) or all(accepts(rule, key, r) for key in value)
    ),
    "properties": _properties,
    "additionalProperties": _additional,
}
