"""Makes docs/configuration.md out of the settings models: ``python -m tests.docs.configuration``.

Names, defaults, limits and meanings stand in the models alone; this only lays them out.
A setting that no code of the packages reads yet is marked, so that the page doesn't
promise what isn't there.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import annotated_types as limits
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import telemetry_actors
from telemetry_actors import TelemetrySettings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
_PACKAGE = Path(telemetry_actors.__file__).parent
_SOURCES = "\n".join(path.read_text() for path in sorted(_PACKAGE.rglob("*.py")))

_HEAD = """\
# Configuration

<!-- made by `python -m tests.docs.configuration` out of the settings models; don't edit -->

Settings are frozen and checked before anything starts. What can't be used is a `SettingsError` of
one line ([errors](errors.md#settings)). An argument of `TelemetrySettings(...)` wins over the
environment; an empty variable counts as unset; no file is read. `TelemetrySettings.enabled(...)`
turns the first three switches on.

The suffix of a name is its unit: `_s` seconds, `_bytes` bytes, `_events`, `_records`, `_batches`,
`_ids`, `_calls`, `_files`, `_items`, `_levels` a count. No time may be longer than a year, and no
count above 2⁴⁰: beyond that a number is a slip of the pen.

## Switches and destination

The field is the environment's name in lower case. Only `redis_url`, `transport` and `config` have
a prefix of their own there, so that a host's `REDIS_URL` is never taken for ours.

"""

_OTEL = """\
## `OTEL_EXPORTER_OTLP_...`

The host's own exporter settings are read where ours say nothing: endpoints (the exact ones of a
signal over the base), protocol, headers, compression and certificates. Headers, certificates and
compression of these names are used for an endpoint of these names alone: a host's secrets go
nowhere else. The protocol is `grpc` or `http/protobuf`; that of a signal goes over the base, and
all three must come to the same. With the gateway switch off none of them is used.
`OTEL_EXPORTER_OTLP_TIMEOUT` is not read; `otlp.attempt_timeout_s` says what it means.
"""

_PARTS = """\
## Tunables

`gateway.linger_s` is `TELEMETRY_ACTORS__GATEWAY__LINGER_S` in the environment and
`gateway={"linger_s": ...}` as an argument. An unknown `TELEMETRY_ACTORS__...` is an error that
names the nearest known one.
"""

_SLIPS_OF_THE_PEN = (31_536_000.0, 2**40)
_ROW_HEAD = "| environment | default | allowed | what it means |\n|---|---|---|---|\n"
_LIMITS: tuple[tuple[type, str, str], ...] = (
    (limits.Gt, "gt", "> {}"),
    (limits.Ge, "ge", "≥ {}"),
    (limits.Lt, "lt", "< {}"),
    (limits.Le, "le", "≤ {}"),
    (limits.MinLen, "min_length", "at least {} character"),
)


class Setting(NamedTuple):
    """One row."""

    environment: str
    default: str
    allowed: str
    meaning: str

    def row(self) -> str:
        """As Markdown."""
        return f"| `{self.environment}` | {self.default} | {self.allowed} | {self.meaning} |\n"


def page() -> str:
    """The whole page as it should be."""
    parts = [
        f"### `{name}`\n\n{_first_paragraph(model)}\n\n{_table(_settings(model, name))}"
        for name, model in _nested(TelemetrySettings)
    ]
    return "\n".join([_HEAD + _table(_top_level()), _OTEL, _PARTS, *parts])


def _table(settings: Iterator[Setting]) -> str:
    return _ROW_HEAD + "".join(setting.row() for setting in settings)


def _nested(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield name, kind


def _top_level() -> Iterator[Setting]:
    parts = dict(_nested(TelemetrySettings))
    meanings = _docstrings(TelemetrySettings)
    for name, field in TelemetrySettings.model_fields.items():
        if name in parts or name == "otel_exporter_otlp":
            continue
        environment = name.upper()
        if not name.startswith("enterprise_"):
            environment = f"TELEMETRY_ACTORS__{environment}"
        yield _setting(environment, name, field, meanings[name])


def _settings(model: type[BaseModel], part: str) -> Iterator[Setting]:
    meanings = _docstrings(model)
    for name, field in model.model_fields.items():
        environment = f"TELEMETRY_ACTORS__{part}__{name}".upper()
        yield _setting(environment, name, field, meanings[name])


def _setting(environment: str, name: str, field: FieldInfo, meaning: str) -> Setting:
    text = " ".join(meaning.split()).replace("``", "`").replace("|", "\\|")
    if not re.search(rf"\.{name}\b", _SOURCES):
        text = f"**Not used yet.** {text}"
    return Setting(environment, _shown(field.default), _allowed(field), text)


def _shown(value: Any) -> str:
    if value is None or value == "" or value == SecretStr(""):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    found = [
        words.format(_shown(getattr(limit, name)))
        for limit in field.metadata
        for kind, name, words in _LIMITS
        if isinstance(limit, kind) and getattr(limit, name) not in _SLIPS_OF_THE_PEN
    ]
    return ", ".join(found) or _kind(field.annotation)


def _kind(annotation: Any) -> str:
    if annotation is bool:
        return "true, false"
    if "Literal" in str(annotation):
        return ", ".join(f"`{value}`" for value in annotation.__args__)
    return "a secret" if "SecretStr" in str(annotation) else "text"


def _first_paragraph(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").split("\n\n")[0]


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The string below each field, which Python throws away."""
    (tree,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(text.value, ast.Constant)
            found[field.target.id] = str(text.value.value)
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
