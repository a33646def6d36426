"""Who sends: the resource attributes of this process.

Every batch carries them, encoded once (`_encode.Frame`) and made anew after a fork: a
child is another sender, and its sums start at nothing.

Precedence, lowest first: ``host.name`` of the machine; ``OTEL_RESOURCE_ATTRIBUTES``; the
service name and this process's own id (two workers that share one
``service.instance.id`` would overwrite each other's sums); what the caller gives.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from urllib.parse import unquote

from supervisors._process import of_this_process, this_process
from telemetry_actors.signals import AttributeValue

__all__ = ["environment_attributes", "instance_id", "package_version", "resource_attributes"]


def resource_attributes(
    service_name: str,
    *,
    environ: Mapping[str, str],
    extra: Mapping[str, AttributeValue] | None = None,
) -> dict[str, AttributeValue]:
    """The resource of the process that asks.

    Args:
        service_name: ``service.name``; wins over the environment's.
        environ: where ``OTEL_RESOURCE_ATTRIBUTES`` is looked up.
        extra: wins over everything else; ``None`` takes an attribute away.
    """
    attributes: dict[str, AttributeValue] = {
        "host.name": socket.gethostname(),
        **environment_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")),
        "service.name": service_name,
        "service.instance.id": instance_id(),
        "process.pid": this_process().pid,
        **(extra or {}),
    }
    return {key: value for key, value in attributes.items() if value is not None}


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
    """Our own version; empty where we run without having been installed."""
    try:
        return metadata.version("telemetry-actors")
    except metadata.PackageNotFoundError:
        return ""
