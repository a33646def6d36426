"""A tree in a TOML file: read, written, overridden in part, and described as JSON Schema.

A file says what `SupervisorSpec` and `ChildSpec` say, under the same names. Children are
tables; **their order in the file is the start order**. A child with children of its own is
a supervisor, and its table holds its supervisor's keys as well::

    strategy = "rest_for_one"                # of the root
    intensity = 3

    [children.db]                            # started first
    start = "myapp.actors:Database"          # or a name from *actors*
    args = ["postgres://localhost/app"]
    shutdown_s = 10

    [children.db.mailbox]
    max_items = 1000
    overflow = "drop_oldest"

    [children.web]                           # a supervisor below the root
    shutdown_s = "infinity"
    intensity = 10
    backoff = {min_s = 0.1, max_s = 5}

    [children.web.children.handler]
    start = "myapp.actors:Handler"
    hang_after_s = 30

A file that *overrides* an existing tree has the same form and says only what is different.

Everything is strict: an unknown table or key is refused with the nearest name, a wrong
value with what is allowed, and nothing is made of a file that has an error. A file names
code to be imported: who may write it may run what they like (``imports=False`` forbids it).

Reading needs the standard library alone; the specifications themselves are the checks.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path as File
from types import MappingProxyType
from typing import Any

from supervisors.config import _schema as _config_schema
from supervisors.config import _writer as _config_writer
from supervisors.config._reader import Guard, Path, Reader, anything
from supervisors.core.spec import SupervisorSpec
from supervisors.errors import ConfigError

_TOO_DEEP = "is nested too deeply"
_NOBODY: Mapping[str, type] = MappingProxyType({})


def load_spec(
    source: str | os.PathLike[str], actors: Mapping[str, type] = _NOBODY, *, imports: bool = True
) -> SupervisorSpec:
    """The tree that a file describes.

    Args:
        source: a `pathlib.Path` is read as a file; a `str` is TOML itself.
        actors: actor classes by the names that the file uses for them. Every other name is
            ``package.module:Class``, and is imported.
        imports: False refuses names that are not in *actors*.

    Raises:
        ConfigError: it can't be read, isn't TOML, or says something that can't be.
    """
    file, table = _read(source)
    with _not_too_deep(file):
        return Reader(file, actors, imports=imports).supervisor(table, None)


def apply_overrides(
    spec: SupervisorSpec,
    source: str | os.PathLike[str],
    actors: Mapping[str, type] = _NOBODY,
    *,
    imports: bool = True,
    guard: Guard = anything,
    may_be_missing: Collection[Path] = (),
) -> SupervisorSpec:
    r"""*spec*, with what the file says in the place of what *spec* says.

    Only what is named changes; a table ``[children.a.mailbox]`` that sets one bound leaves the
    others. ``"none"`` takes a limit away (``hang_after_s = "none"``). Children can't be added.

    Args:
        spec: the tree to begin with.
        source: as for `load_spec`.
        actors: as for `load_spec`, for a file that replaces an actor class.
        imports: as for `load_spec`.
        guard: says which keys the file may not set, and why.
        may_be_missing: paths of children that the file may name although *spec* lacks them.

    Raises:
        ConfigError: as for `load_spec`; or a child is unknown, or the guard refuses.

    >>> from supervisors import ChildSpec, SupervisedActor
    >>> spec = SupervisorSpec((ChildSpec("a", SupervisedActor), ChildSpec("b", SupervisedActor)))
    >>> changed = apply_overrides(spec, "intensity = 7\n[children.b]\nshutdown_s = 1.5")
    >>> changed.intensity, [child.shutdown_s for child in changed.children]
    (7, [5.0, 1.5])
    """
    file, table = _read(source)
    reader = Reader(file, actors, imports=imports, guard=guard, may_be_missing=may_be_missing)
    with _not_too_deep(file):
        return reader.supervisor(table, spec)


def dump_spec(
    spec: SupervisorSpec,
    actors: Mapping[str, type] = _NOBODY,
    *,
    full: bool = False,
    guard: Guard = anything,
) -> str:
    """TOML from which `load_spec` makes an equal *spec*.

    Args:
        spec: the tree.
        actors: names to be written for actor classes, in the place of ``module:Class``.
        full: write defaults, too. Otherwise only what differs from them.
        guard: keys that it refuses are left out; the text is then one for `apply_overrides`.

    Raises:
        ConfigError: an argument of a child can't be written as TOML (a tuple in a list, an
            object), or an actor class has no name by which it can be imported.

    >>> from supervisors import ChildSpec, SupervisedActor
    >>> print(dump_spec(SupervisorSpec((ChildSpec("a", SupervisedActor),), intensity=3)), end="")
    intensity = 3
    <BLANKLINE>
    [children.a]
    start = "supervisors.run.actor:SupervisedActor"
    """
    return _config_writer.Writer(actors, full=full, guard=guard).text(spec)


def json_schema(spec: SupervisorSpec | None = None, *, guard: Guard = anything) -> dict[str, Any]:
    """JSON Schema (2020-12) of a file, for editors that check and complete TOML.

    Args:
        spec: None for a file that describes a whole tree; with a tree, for a file that
            overrides it: every table is known then, and the defaults are those of *spec*.
        guard: keys that it refuses are left out.
    """
    if spec is None:
        return _config_schema.of_a_tree()
    return _config_schema.of_overrides(spec, guard)


def _read(source: str | os.PathLike[str]) -> tuple[str, dict[str, object]]:
    file = "<text>" if isinstance(source, str) else os.fspath(source)
    try:
        text = source if isinstance(source, str) else File(source).read_bytes().decode()
        return file, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(file, "", "", f"can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", "", f"must be UTF-8: {error.reason}") from error
    except ValueError as error:  # tomllib's own, and Python's on numbers without end
        raise ConfigError(file, "", "", f"isn't TOML: {error}") from error
    except RecursionError:
        raise ConfigError(file, "", "", _TOO_DEEP) from None


@contextmanager
def _not_too_deep(file: str) -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise ConfigError(file, "", "", _TOO_DEEP) from None
