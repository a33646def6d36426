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
from telemetry_actors.settings._otel_variables import FAMILY, PREFIX, Variable, names_of

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
_PACKAGE = Path(telemetry_actors.__file__).parent
_SOURCES = "\n".join(path.read_text() for path in sorted(_PACKAGE.rglob("*.py")))

_HEAD = """\
# Configuration

<!-- made by `python -m tests.docs.configuration` out of the settings models; don't edit -->

Settings are frozen and checked before anything starts. What can't be used is a `SettingsError` of
one line ([errors](errors.md#settings)), and module-level `emit()`, which raises nothing, has it
said once ([logging](logging.md)). An argument of `TelemetrySettings(...)` wins over the
environment; an empty variable counts as unset; no `.env` is read. `TelemetrySettings.enabled(...)`
turns the first three switches on.

The suffix of a name is its unit: `_s` seconds, `_bytes` bytes, `_events`, `_records`, `_batches`,
`_ids`, `_calls`, `_files`, `_items`, `_levels` a count. No time may be longer than a year, and no
count above 2⁴⁰: beyond that a number is a slip of the pen.

## Switches and destination

The field is the environment's name in lower case. Only `redis_url`, `transport` and `config` have
a prefix of their own there, so that a host's `REDIS_URL` is never taken for ours.

"""

_NEUTRAL = """\
### Names for any platform

`ENTERPRISE_...` are the names of the platform that this library comes from. Three names of the
environment do without it; they are no fields.

| environment | what it stands for |
|---|---|
| `TELEMETRY_ACTORS__ENABLED` | The three switches, on or off: `ENTERPRISE_ENABLED`, \
`ENTERPRISE_TELEMETRY_ENABLED`, `ENTERPRISE_TELEMETRY_GATEWAY_ENABLED`. |
| `TELEMETRY_ACTORS__ENDPOINT` | `ENTERPRISE_OTLP_ENDPOINT`. |
| `TELEMETRY_ACTORS__SERVICE_NAME` | `ENTERPRISE_SERVICE_NAME`. Sinks of your own have it, too. |

Where both are set the platform's wins, and if they differ one WARNING says so. An argument given in
code wins over both. `is_gateway_enabled()` reads them in the same way. The service's name is the
first of: `enterprise_service_name` in code, `ENTERPRISE_SERVICE_NAME`,
`TELEMETRY_ACTORS__SERVICE_NAME`, `OTEL_SERVICE_NAME`, `service.name` of `OTEL_RESOURCE_ATTRIBUTES`,
`dify`.

### What turns a switch on

`true`, `1`, `yes`, `on` and `false`, `0`, `no`, `off`, in any case; anything else is an error. Two
switches have rules that are not ours to change: `ENTERPRISE_TELEMETRY_GATEWAY_ENABLED` is on with
`true`, `1` or `yes` and off with all else (with `on`, too), and `OTEL_SDK_DISABLED` counts only if
it is `true`. What is off is said once, at WARNING, with the name and the value that was read.

### Names that are nearly ours

A variable that nobody reads and that was probably meant for us is named in one WARNING at the
start, without its value: one underscore instead of two (`TELEMETRY_ACTORS_REDIS_URL`), small
letters, a slip in an `ENTERPRISE_...` name. A platform's own variables (`ENTERPRISE_API_URL`) and
those that Kubernetes makes of a service's name (`TELEMETRY_ACTORS_PORT_4318_TCP`) are let be. An
unknown `TELEMETRY_ACTORS__...` is an error.

### A key or headers from a file

`ENTERPRISE_OTLP_API_KEY_FILE` and `ENTERPRISE_OTLP_HEADERS_FILE` name files, as Kubernetes and
Docker hand out secrets. White space at both ends doesn't count; at most 64 KiB, UTF-8; headers are
`k=v,k2=v2`, or one pair a line. A file beside the text that it stands for is an error. As with the
texts, the host's `OTEL_EXPORTER_OTLP_HEADERS` are not used then.

- At the start: `TelemetryGateway(...)`, `init()` and `get_gateway()` raise a `SettingsError` with
  the variable and the path if a file is missing, empty or holds nothing that can be sent. `emit()`
  reads no file: where it has made the gateway, the tree says so and is tried again.
- Later a sink's thread looks at the file at most once a second, while it sends, and right after the
  receiver has refused the login (401 or 403, `UNAUTHENTICATED` or `PERMISSION_DENIED`): if the file
  holds something else by then, the same request is sent once more with that. So a key rotates
  without a restart and without a loss, if the file has the new key when the old one stops to count.
- If it can't be read or used later, what was read before stays in use until that is put right, and
  one WARNING says so; `get_gateway()` raises nothing of it while the gateway runs.

"""

_OTEL = """\
## `OTEL_...`

`OTEL_EXPORTER_OTLP_...` are the host's own exporter settings. They are used where
`ENTERPRISE_OTLP_ENDPOINT` is not set, the gateway's switch is on, and they name an endpoint for all
three signals. All of them hold for such an endpoint alone: a host's headers and certificates go
nowhere else. A variable of a signal goes over the general one; our own headers, API key, protocol
and `otlp.*` go over both. What is set there and isn't used is named in one WARNING at the start; an
endpoint that can't be used (none that is a URL, or one with a login in it) is a
`SettingsError` as any other.
Other families (`OTEL_BSP_...`, `OTEL_TRACES_EXPORTER`, `OTEL_METRIC_EXPORT_INTERVAL` and so on) are
the SDK's and are not read at all.

"""

_OTEL_OF_ALL = """
These hold whatever the endpoint is:

| environment | what we do |
|---|---|
| `OTEL_SDK_DISABLED` | Used: with `true` the gateway is off. Each event is refused \
(`gateway_off`), which is said once. An argument `otel_sdk_disabled=False` goes over it. |
| `OTEL_SERVICE_NAME` | Used: `service.name` where neither `ENTERPRISE_SERVICE_NAME` nor \
`TELEMETRY_ACTORS__SERVICE_NAME` is set. |
| `OTEL_RESOURCE_ATTRIBUTES` | Used: attributes of the resource. One that OTLP can't carry (bytes \
that are no UTF-8) is left out, with a WARNING at the start. `service.instance.id` and \
`process.pid` stay ours; `service.name` counts where none of the names above is set. |
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
    otel = _OTEL + _otel_table() + _OTEL_OF_ALL
    return "\n".join([_HEAD + _table(_top_level()), _NEUTRAL + otel, _PARTS, *parts])


def _otel_table() -> str:
    rows = "".join(f"| {_otel_names(variable)} | {variable.meaning} |\n" for variable in FAMILY)
    return f"| environment | what we do |\n|---|---|\n{rows}"


def _otel_names(variable: Variable) -> str:
    return ", ".join(f"`{PREFIX}{name.upper()}`" for name in names_of(variable))


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
        if name in parts or name.startswith("otel_"):
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
