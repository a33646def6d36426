"""Where settings come from when nobody hands them in: the process's environment.

Stands before `settings.py`, which gives the values their meaning. pydantic-settings'
own source is not used: without a prefix it would take a host's ``GATEWAY`` or
``REDIS_URL`` for ours, and it ignores an unknown ``TELEMETRY_ACTORS__...`` silently.

Three families of names are read, and no others:

- ``ENTERPRISE_...``: the platform's own names, one for each un-prefixed field;
- ``TELEMETRY_ACTORS__PART__FIELD`` (and ``TELEMETRY_ACTORS__REDIS_URL``, ``..._CONFIG``,
  ``..._TRANSPORT``):
  tunables; an unknown one is an error that names the nearest. Three more stand for names of the
  platform's (`settings/neutral_names.py`);
- ``OTEL_EXPORTER_OTLP_...``: the host's own exporter settings, kept as they are, and
  ``OTEL_SDK_DISABLED``. (Resource and service name: `sinks/resource.py`.)

An empty variable counts as unset. No file is read, and nothing is written: what is odd about the
names goes into an `Origin`, for a thread that may say it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from telemetry_actors.base.switches import is_sdk_disabled, truth_of
from telemetry_actors.errors import SettingsError
from telemetry_actors.settings.near_misses import is_suspect
from telemetry_actors.settings.neutral_names import NEUTRAL_NAMES, read_neutral
from telemetry_actors.settings.origin import ORIGIN, Origin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

PREFIX = "TELEMETRY_ACTORS__"
PLATFORM_PREFIX = "enterprise_"
_OTEL_PREFIX = "OTEL_EXPORTER_OTLP_"
_SDK = "otel_sdk_disabled"
_UNPREFIXED = (PLATFORM_PREFIX, "otel_sdk_")
_SWITCHES = NEUTRAL_NAMES["TELEMETRY_ACTORS__ENABLED"]


def nearest(name: str, known: list[str]) -> str:
    """End of a sentence that names the nearest of *known*, or all if none is near.

    >>> nearest("linger", ["linger_s", "batch_events"])
    'did you mean linger_s?'
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def tunable_names(settings_class: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Environment name of each tunable → the path of its field.

    Args:
        settings_class: the model whose nested models are the parts.
    """
    names: dict[str, tuple[str, ...]] = {
        f"{PREFIX}REDIS_URL": ("redis_url",),
        f"{PREFIX}CONFIG": ("config",),
        f"{PREFIX}TRANSPORT": ("transport",),
        f"{PREFIX}STRICT": ("strict",),
    }
    for part, field in settings_class.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            for name in nested.model_fields:
                names[f"{PREFIX}{part}__{name}".upper()] = (part, name)
    return names


def known_names(settings_class: type[BaseModel]) -> list[str]:
    """Every name that is read, but for the family ``OTEL_EXPORTER_OTLP_...``."""
    own = [name.upper() for name in settings_class.model_fields if name.startswith(_UNPREFIXED)]
    return [*own, *NEUTRAL_NAMES, *tunable_names(settings_class)]


def read_environment(
    settings_class: type[BaseModel], environ: Mapping[str, str], given: Collection[str] = ()
) -> dict[str, Any]:
    """The settings that *environ* names, as text, in the shape of *settings_class*.

    Where they come from is beside them, under `ORIGIN`.

    Args:
        settings_class: what they are for.
        given: fields that have been given in code, which go over it; as a mapping with their
            values, of which a mapping goes over no more of its part than it names.

    Raises:
        SettingsError: a ``TELEMETRY_ACTORS__...`` name is unknown.
    """
    values: dict[str, Any] = {}
    written: dict[str, str] = {}
    for name in settings_class.model_fields:
        if name.startswith(_UNPREFIXED) and environ.get(name.upper()):
            values[name] = environ[name.upper()]
            written[name] = name.upper()
    for name, path in _tunables(settings_class, environ):
        text, part = environ[name], values
        written[".".join(path)] = name
        for step in path[:-1]:
            part = part.setdefault(step, {})
        part[path[-1]] = text
    otel = {
        name.removeprefix(_OTEL_PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(_OTEL_PREFIX) and text
    }
    if otel:
        values["otel_exporter_otlp"] = otel
    neutral = read_neutral(environ, given)
    names = {field: name for field, name in written.items() if not _is_given(field, given)}
    values[ORIGIN] = _origin(environ, {**names, **neutral.names}, neutral.differences)
    return {**values, **neutral.values}


def _is_given(field: str, given: Collection[str]) -> bool:
    """In code. A mapping for a part goes over what it names, and anything else over the part."""
    part, _, name = field.partition(".")
    there = given.get(part) if isinstance(given, Mapping) else None
    return part in given and (name in there if name and isinstance(there, Mapping) else True)


def _origin(
    environ: Mapping[str, str], names: Mapping[str, str], differences: tuple[str, ...]
) -> Origin:
    switches = {field: environ[name] for field, name in names.items() if field in _SWITCHES}
    sdk = environ.get(_SDK.upper(), "") if _SDK in names else ""
    odd = list(differences)
    if sdk and not is_sdk_disabled(sdk) and truth_of(sdk.strip()) is not False:
        odd.append(f"{_SDK.upper()} is {sdk!r}, which turns nothing off: true alone does")
    suspects = tuple(name for name in environ if is_suspect(name))
    return Origin(names, switches, suspects, tuple(odd))


def _tunables(
    settings_class: type[BaseModel], environ: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name, as it is written, and path of each that is set."""
    known = tunable_names(settings_class)
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in NEUTRAL_NAMES:
            continue
        path = known.get(name.upper())
        if path is None:
            near = nearest(name, [*known, *NEUTRAL_NAMES])
            raise SettingsError(name, allowed=f"no such setting; {near}")
        if text:
            yield name, path


class EnvironmentSource(PydanticBaseSettingsSource):
    """`read_environment` as a source of pydantic-settings."""

    def __init__(
        self,
        settings_class: type[BaseSettings],
        environ: Mapping[str, str] | None = None,
        *,
        given: Collection[str] = (),
    ) -> None:
        super().__init__(settings_class)
        self._environ = os.environ if environ is None else environ
        self._given = given

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One field's value. pydantic-settings asks for it; `__call__` does the work."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All values, in the shape of the settings class."""
        return read_environment(self.settings_cls, self._environ, self._given)
