"""Specifications -> TOML. The other way: `config/_reader.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from supervisors.config import _toml_text as _toml
from supervisors.config._fields import NONE, PARTS, default_of, keys_of
from supervisors.config._reader import Guard, Path, actor_named, anything
from supervisors.core.spec import ChildSpec, SupervisorSpec
from supervisors.errors import ConfigError

_FILE = "<spec>"


class Writer:
    """See `supervisors.config.dump_spec`."""

    def __init__(self, actors: Mapping[str, type], *, full: bool, guard: Guard) -> None:
        self._actors = actors
        self._full = full
        self._guard = guard
        self._of_overrides = guard is not anything

    def text(self, spec: SupervisorSpec) -> str:
        """All tables, the root's keys first."""
        tables = (lines for lines in self._supervisor((), spec) if lines)
        return "\n".join("".join(f"{line}\n" for line in lines) for lines in tables)

    def _supervisor(self, path: Path, spec: SupervisorSpec) -> Iterator[list[str]]:
        yield list(self._pairs(path, "", spec))
        yield from self._rest(path, spec)

    def _rest(self, path: Path, spec: SupervisorSpec) -> Iterator[list[str]]:
        """A supervisor's tables below its own."""
        yield self._table(path, "backoff", spec.backoff)
        for child in spec.children:
            yield from self._child((*path, child.id), child)

    def _child(self, path: Path, spec: ChildSpec) -> Iterator[list[str]]:
        below = spec.start if isinstance(spec.start, SupervisorSpec) else None
        lines = list(self._pairs(path, "", spec))
        if below is not None:
            lines += self._pairs(path, "", below)
        if lines:
            yield [_header(path), *lines]
        yield self._table(path, "mailbox", spec.mailbox)
        if below is not None:
            yield from self._rest(path, below)

    def _table(self, path: Path, name: str, part: object) -> list[str]:
        lines = list(self._pairs(path, name, part))
        return [_header(path, name), *lines] if lines else []

    def _pairs(self, path: Path, part: str, spec: object) -> Iterator[str]:
        kind = type(spec)
        for key in keys_of(kind):
            if key in PARTS or key == "children":
                continue
            value = getattr(spec, key)
            if not (self._full or _is_told(spec, key)) or self._guard(
                path, f"{part}.{key}" if part else key, ...
            ):
                continue
            plain = self._plain(path, spec, key, value)
            if plain is not None:
                yield self._pair(path, part, key, plain)

    def _plain(self, path: Path, spec: object, key: str, value: Any) -> object:
        """*value* as TOML can say it; None = it isn't said."""
        if key == "start":
            return None if isinstance(value, SupervisorSpec) else self._name(path, value)
        if key == "type":
            return value if value == "supervisor" and not self._of_overrides else None
        if key in ("args", "kwargs"):
            return (list(value) if key == "args" else dict(value)) or None
        if value is None:
            return NONE
        return str(value) if isinstance(value, StrEnum) else value

    def _pair(self, path: Path, part: str, key: str, value: object) -> str:
        try:
            return _toml.pair(key, value)
        except _toml.NotToml as error:
            raise ConfigError(_FILE, _header(path, part)[1:-1], key, str(error)) from error

    def _name(self, path: Path, actor: object) -> str:
        for name, known in self._actors.items():
            if known is actor:
                return name
        name = f"{getattr(actor, '__module__', '')}:{getattr(actor, '__qualname__', actor)}"
        try:
            if actor_named(name, {}) is actor:
                return name
            problem = "is another class than this one"
        except ValueError as error:
            problem = str(error)
        hint = "hand it in under a name, by actors="
        raise ConfigError(_FILE, _header(path)[1:-1], "start", f"{problem}; {hint}", value=name)


def _header(path: Path, part: str = "") -> str:
    steps = [step for id_ in path for step in ("children", id_)]
    return _toml.header([*steps, part] if part else steps)


def _is_told(spec: Any, key: str) -> bool:
    """Whether a file has to say *key*: it differs from what is the case without."""
    value = getattr(spec, key)
    if key == "shutdown_s":
        default = 5.0 if spec.type == "worker" else "infinity"
    else:
        default = default_of(type(spec), key)
    return key == "start" or bool(value != default) or type(value) is not type(default)
