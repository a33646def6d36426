"""Who sends: the resource attributes of this process.

Every batch carries them, encoded once (`_encode.Frame`) and made anew after a fork: a
child is another sender, and its sums start at nothing.

Precedence, lowest first: ``host.name`` of the machine; ``OTEL_RESOURCE_ATTRIBUTES``;
``OTEL_SERVICE_NAME``; ``TELEMETRY_ACTORS__SERVICE_NAME``; the service name of our own settings and
this process's own id (two workers that share one ``service.instance.id`` would overwrite each
other's sums); what the caller gives.

All of it is looked at when a sink is made (`check_resource`): what the caller gives and OTLP can't
carry is an error there, what the environment or the machine has is left out, and said.
"""

from __future__ import annotations

import platform
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from urllib.parse import unquote

from supervisors.system.process import of_this_process, this_process
from telemetry_actors.base.log import warn
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import ResourceValue
from telemetry_actors.settings.neutral_names import SERVICE_NAME

_DEFAULT_NAME = "dify"
_LEAST, _MOST = -(2**63), 2**63 - 1


def resource_attributes(
    service_name: str | None,
    *,
    environ: Mapping[str, str],
    extra: Mapping[str, ResourceValue] | None = None,
) -> dict[str, ResourceValue]:
    """The resource of the process that asks.

    Args:
        service_name: ``service.name``; wins over the environment's. None: nobody has set one.
        environ: where ``OTEL_RESOURCE_ATTRIBUTES`` and the names of the service are looked up.
        extra: wins over everything else; ``None`` takes an attribute away. Checked before.
    """
    attributes: dict[str, ResourceValue] = {
        key: value for key, value in _of_surroundings(environ) if not _unfit(key, value)
    }
    if service_name is not None:
        attributes["service.name"] = service_name
    attributes["service.instance.id"] = instance_id()
    attributes["process.pid"] = this_process().pid
    attributes["process.runtime.name"] = sys.implementation.name
    attributes["process.runtime.version"] = platform.python_version()
    attributes |= extra or {}
    return {key: value for key, value in attributes.items() if value is not None}


def check_resource(
    service_name: str | None, extra: Mapping[str, ResourceValue], environ: Mapping[str, str]
) -> None:
    """Look at what each request will carry, before there is one.

    One WARNING names what is left out.

    Raises:
        SettingsError: an attribute of *extra*, or *service_name*, can't be carried.
    """
    for key, value in {"service.name": service_name, **extra}.items():
        problem = "" if value is None else _unfit(key, value)
        if problem:
            raise SettingsError(f"resource[{key!a}]", allowed=problem)
    unfit = [
        f"{key!a} {problem}"
        for key, value in _of_surroundings(environ)
        if (problem := _unfit(key, value))
    ]
    if unfit:
        warn(
            "left out of the resource (host, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME,"
            f" {SERVICE_NAME}): %s",
            ", ".join(unfit),
        )


def _of_surroundings(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Of machine and environment, lowest first."""
    yield "host.name", socket.gethostname()
    yield "service.name", _DEFAULT_NAME
    yield from environment_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")).items()
    for variable in ("OTEL_SERVICE_NAME", SERVICE_NAME):
        name = environ.get(variable, "").strip()
        if name:
            yield "service.name", name


def _unfit(key: object, value: object) -> str:
    """Why OTLP can't carry it; "" if it can."""
    if not isinstance(key, str) or not _is_utf8(key):
        return "must have a name of UTF-8 text"
    if isinstance(value, bool | float):
        return ""
    if isinstance(value, int):
        return "" if _LEAST <= value <= _MOST else "must be an integer of 64 bits"
    if isinstance(value, str):
        return "" if _is_utf8(value) else "must be UTF-8"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return next((found for one in value if (found := _unfit_item(one))), "")
    return "must be a text, a number, a boolean, or a list of them"


def _unfit_item(value: object) -> str:
    if isinstance(value, str | bool | int | float):
        return _unfit("", value)
    return "must be a list of texts, numbers or booleans"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def environment_attributes(text: str) -> dict[str, str]:
    """``key=value,key2=value2``, values percent-decoded; what is no such pair is passed over.

    Source:
        ``OTELResourceDetector`` of opentelemetry-sdk; a test compares the two. (Importing
        the SDK for these lines would cost each process 40 ms.)

    >>> environment_attributes("deployment.environment=prod%20eu, team = a=b ,,nonsense")
    {'deployment.environment': 'prod eu', 'team': 'a=b'}
    """
    pairs = (pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    decoded = {key.strip(): unquote(value.strip()) for key, value in pairs}
    return {key: value for key, value in decoded.items() if key}


def instance_id() -> str:
    """A UUID per process, the same for all its sinks."""
    return of_this_process("service.instance.id", lambda: str(uuid.uuid4()))


@cache
def package_version() -> str:
    """Our own version; empty where it can't be found: not installed, or no longer to be read."""
    try:
        return metadata.version("telemetry-actors")
    except Exception:  # noqa: BLE001 -- it imports, which may fail in a host that has given up its rights
        return ""
