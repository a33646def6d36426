"""TOML tables -> specifications, with or without specifications to begin with.

Reading a whole tree and overriding parts of one are the same walk: each table becomes a
`SupervisorSpec`, `ChildSpec`, `MailboxSpec` or `Backoff`, made new or from the one that is
there. The specifications check themselves; this says where in the file a wrong one stands.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from supervisors.config import _toml_text as _toml
from supervisors.config._fields import NONE, PARTS, keys_of, may_be_none
from supervisors.core.spec import ChildSpec, SupervisorSpec
from supervisors.errors import ConfigError, SpecError
from supervisors.run.actor import SupervisedActor

T = TypeVar("T")

Path: TypeAlias = tuple[str, ...]
"""Ids of children from the root down; ``()`` is the root itself."""

Guard: TypeAlias = Callable[[Path, str, object], str | None]
"""Why *key* of the part at *path* may not be set to *value*, or None if it may.

Keys of a table within a part's have its name before them: ``mailbox.max_items``. Asked with
the value ``...`` it says whether the key may be set at all.
"""

_LONGEST_VALUE = 80
_SECRETIVE = ("args", "kwargs")
_CHILD_KEYS = keys_of(ChildSpec)
_SUPERVISOR_KEYS = keys_of(SupervisorSpec)


def anything(_path: Path, _key: str, _value: object) -> str | None:
    """The guard that lets everything through."""
    return None


def nearest(name: str, known: Iterable[str]) -> str:
    """End of a sentence that names the nearest of *known*, or all if none is near.

    >>> nearest("intensty", ["intensity", "period_s"])
    'did you mean intensity?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"there is {', '.join(names) or 'none'}"


def actor_named(name: str, actors: Mapping[str, type], *, imports: bool = True) -> type[Any]:
    """The actor class that a file calls *name*.

    Raises:
        ValueError: there is none; the text says what would be right.
    """
    found = actors.get(name)
    if found is None and not (imports and ":" in name):
        known = [nearest(name, actors)] if actors or not imports else []
        known += ["say package.module:Class"] if imports else []
        raise ValueError(f"no actor of this name; {', or '.join(known)}")
    found = _imported(name) if found is None else found
    if not (isinstance(found, type) and issubclass(found, SupervisedActor)):
        raise ValueError("must be a subclass of supervisors.SupervisedActor")
    return found


def _imported(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for step in path.split("."):
            found = getattr(found, step)
    except Exception as error:
        raise ValueError(f"can't be imported: {error}") from error
    return found


class Reader:
    """One file, and what it may refer to.

    Args:
        file: its name, for errors.
        actors: classes by the names that the file uses for them.
        imports: whether other names may be imported.
        may_be_missing: parts that the file may speak of although they are not there.
    """

    def __init__(
        self,
        file: str,
        actors: Mapping[str, type],
        *,
        imports: bool = True,
        guard: Guard = anything,
        may_be_missing: Collection[Path] = (),
    ) -> None:
        self._file = file
        self._actors = actors
        self._imports = imports
        self._guard = guard
        self._may_be_missing = may_be_missing

    def supervisor(self, table: Any, base: SupervisorSpec | None) -> SupervisorSpec:
        """The supervisor that the top of the file describes."""
        self._check_keys((), table, _SUPERVISOR_KEYS)
        return self._supervisor((), table, base)

    # -- tables ----------------------------------------------------------------------------------

    def _supervisor(
        self, path: Path, table: Mapping[str, object], base: SupervisorSpec | None
    ) -> SupervisorSpec:
        values = self._values(path, table, SupervisorSpec, base)
        if "children" in values:
            values["children"] = self._children(path, values["children"], base)
        return self._made(path, SupervisorSpec, base, values)

    def _children(self, path: Path, tables: object, base: SupervisorSpec | None) -> list[ChildSpec]:
        if not isinstance(tables, dict):
            raise self._error(path, "children", "must be a table of tables, one for each child")
        if base is None:
            return [self._child((*path, id_), table, None) for id_, table in tables.items()]
        made = {child.id: child for child in base.children}
        for id_, table in tables.items():
            inner = (*path, id_)
            if id_ in made:
                made[id_] = self._child(inner, table, made[id_])
            elif inner not in self._may_be_missing:
                raise self._error(inner, "", f"no such child; {nearest(id_, made)}")
        return list(made.values())

    def _child(self, path: Path, table: Any, base: ChildSpec | None) -> ChildSpec:
        nested = self._is_supervisor(path, table, base)
        self._check_keys(path, table, (*_CHILD_KEYS, *(_SUPERVISOR_KEYS if nested else ())))
        values = self._values(path, table, ChildSpec, base)
        if "start" in values:
            values["start"] = self._start(path, values["start"], nested=nested)
        elif nested:
            below = base.start if base is not None else None
            assert below is None or isinstance(below, SupervisorSpec)
            values["start"] = self._supervisor(path, table, below)
        elif base is None:
            lacks = "must be an actor's name (a child with children is a supervisor)"
            raise self._error(path, "start", lacks)
        if base is None:
            values |= {"id": path[-1], "type": "supervisor" if nested else "worker"}
        return self._made(path, ChildSpec, base, values)

    def _is_supervisor(self, path: Path, table: object, base: ChildSpec | None) -> bool:
        if not isinstance(table, dict):
            raise self._error(path, "", "must be a table", table)
        said = table.get("type")
        if base is not None:
            if said is not None and said != base.type:
                raise self._error(path, "type", f"must stay {base.type!r}", said)
            return base.type == "supervisor"
        if said not in (None, "worker", "supervisor"):
            raise self._error(path, "type", "must be 'worker' or 'supervisor'", said)
        return said == "supervisor" or (said is None and "children" in table)

    def _start(self, path: Path, name: object, *, nested: bool) -> type[object]:
        if nested:
            raise self._error(path, "start", "must be left out: a supervisor has children")
        if not isinstance(name, str):
            raise self._error(path, "start", "must be an actor's name", name)
        try:
            return actor_named(name, self._actors, imports=self._imports)
        except ValueError as error:
            raise self._error(path, "start", str(error), name) from error.__cause__

    # -- keys and values -------------------------------------------------------------------------

    def _check_keys(self, path: Path, table: Mapping[str, object], known: Collection[str]) -> None:
        for key in table:
            if key in known:
                continue
            if key == "id":
                raise self._error(path, key, "must be left out: it is the name of the table")
            if key in _SUPERVISOR_KEYS:
                raise self._error(path, key, "is a supervisor's, and this child is a worker")
            raise self._error(path, key, f"no such key; {nearest(key, known)}")

    def _values(
        self, path: Path, table: Mapping[str, object], kind: type, base: object
    ) -> dict[str, object]:
        """What *table* says of *kind*: a child's table holds two kinds."""
        values = {key: table[key] for key in keys_of(kind) if key in table}
        for key, value in values.items():
            if key in PARTS:
                before = None if base is None else getattr(base, key)
                values[key] = self._part(path, key, value, before)
            elif key != "children":
                self._ask_guard(path, key, value)
                values[key] = _read(kind, key, value)
        return values

    def _part(self, path: Path, name: str, table: object, base: object) -> object:
        kind = PARTS[name]
        if not isinstance(table, dict):
            raise self._error(path, name, "must be a table", table)
        for key, value in table.items():
            if key not in keys_of(kind):
                problem = f"no such key; {nearest(key, keys_of(kind))}"
                raise self._error(path, key, problem, part=name)
            self._ask_guard(path, f"{name}.{key}", value)
        values = {key: _read(kind, key, value) for key, value in table.items()}
        return self._made(path, kind, base, values, part=name)

    def _ask_guard(self, path: Path, key: str, value: object) -> None:
        why_not = self._guard(path, key, value)
        if why_not is not None:
            part, _, name = key.rpartition(".")
            raise self._error(path, name, why_not, value, part=part)

    def _made(
        self,
        path: Path,
        kind: type[T],
        base: T | None,
        values: dict[str, object],
        *,
        part: str = "",
    ) -> T:
        try:
            return kind(**values) if base is None else replace(base, **values)  # type: ignore[type-var]
        except SpecError as error:
            owner, _, key = error.field.rpartition(".")
            inner = (*path, owner) if owner in _ids(values, base) else path
            allowed = f"must be {error.allowed}"
            raise self._error(inner, key, allowed, error.value, part=part) from error

    def _error(
        self, path: Path, key: str, allowed: str, value: object = ..., *, part: str = ""
    ) -> ConfigError:
        table = [step for id_ in path for step in ("children", id_)]
        name = _toml.header([*table, part] if part else table)[1:-1]
        shown = None if value is ... or key in _SECRETIVE else _shown(value)
        return ConfigError(self._file, name, key, allowed, value=shown)


def _read(kind: type, key: str, value: object) -> object:
    return None if value == NONE and may_be_none(kind, key) else value


def _ids(values: Mapping[str, Any], base: Any) -> set[str]:
    children = values.get("children", getattr(base, "children", ()))
    return {child.id for child in children}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
