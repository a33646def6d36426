"""Where OTLP goes: the rules that turn several settings into one target.

Stands between `settings.py` and `sinks/otlp`. Pure: texts in, `OtlpTarget` or
`SettingsError` out; nothing is connected, and no file is opened.

- Endpoint: ``ENTERPRISE_OTLP_ENDPOINT``, else ``OTEL_EXPORTER_OTLP_{LOGS,TRACES,METRICS}_ENDPOINT``
  (exact) over ``OTEL_EXPORTER_OTLP_ENDPOINT`` (a base). Localhost is never guessed.
- Headers: the enterprise headers and API key, else, and only for an endpoint that
  ``OTEL_...`` names, ``OTEL_EXPORTER_OTLP_HEADERS``: a host's own secrets go nowhere else.
- Protocol: of whichever names the endpoint. ``OTEL_EXPORTER_OTLP_{LOGS,TRACES,METRICS}_PROTOCOL``
  goes over ``OTEL_EXPORTER_OTLP_PROTOCOL``, but all three signals must come to the same: one
  sink carries them.
- Certificates: ``otlp.ca_file`` and its siblings. Those of ``OTEL_...``, and its compression,
  hold for an endpoint of ``OTEL_...`` alone.

``OTEL_EXPORTER_OTLP_TIMEOUT`` is not read: the specification means milliseconds, the
Python SDK seconds, and ``otlp.attempt_timeout_s`` says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from telemetry_actors._parts import OtlpSettings
from telemetry_actors.errors import SettingsError

__all__ = ["OtlpTarget", "OtlpTexts", "check_url", "header_pairs", "resolve", "with_scheme"]

_OTEL = "OTEL_EXPORTER_OTLP_"
_HTTP = "http/protobuf"
_HEADERS_FORM = "must be key=value pairs with commas between them, percent-encoded"
_PATHS = {"logs": "/v1/logs", "traces": "/v1/traces", "metrics": "/v1/metrics"}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # what HTTP/1.1 and latin-1 carry


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """A receiver and how to talk to it: complete, checked, without a guess."""

    endpoint: str
    """For people: the base URL, or the log URL where only exact ones were given."""
    logs_url: str
    traces_url: str
    metrics_url: str
    headers: Mapping[str, SecretStr] = field(repr=False)
    """Sent with each request; names in lower case."""
    attempt_timeout_s: float
    give_up_s: float
    backoff_min_s: float
    backoff_max_s: float
    compression: str
    """``none`` or ``gzip``."""
    protocol: str = "http"
    """``http`` or ``grpc``; with ``grpc`` the paths of the URLs are not used."""
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    warnings: tuple[str, ...] = ()
    """What the settings override, for the gateway to say once. Without secrets."""

    def plain_headers(self) -> dict[str, str]:
        """The headers as they go on the wire. Hand them to the HTTP session only."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}


class OtlpTexts(NamedTuple):
    """The settings that name the receiver, as given."""

    endpoint: str
    protocol: str
    """Of the enterprise settings, checked; empty where it was not set."""
    headers: SecretStr
    api_key: SecretStr
    otel: Mapping[str, SecretStr]
    """``OTEL_EXPORTER_OTLP_<NAME>`` by lower-case *name*."""


def resolve(texts: OtlpTexts, tunables: OtlpSettings) -> OtlpTarget | None:
    """The target that the settings name, or ``None``: nobody named one.

    An ``OTEL_...`` endpoint counts only when all three signals get a URL by it.

    Raises:
        SettingsError: an ``OTEL_...`` text is unusable, or its protocols differ by signal.
    """
    named_by_otel = not texts.endpoint
    urls = _otel_urls(texts.otel) if named_by_otel else _urls(texts.endpoint)
    if urls is None:
        return None
    otel = _otel_extras(texts) if named_by_otel else {}
    protocol = texts.protocol or (_otel_protocol(texts.otel) if named_by_otel else "http")
    headers, warnings = _headers(texts, named_by_otel=named_by_otel)
    compression = tunables.compression
    if "compression" not in tunables.model_fields_set and otel.get("compression") == "gzip":
        compression = "gzip"
    return OtlpTarget(
        endpoint=_base(texts) or urls["logs"],
        logs_url=urls["logs"],
        traces_url=urls["traces"],
        metrics_url=urls["metrics"],
        headers=headers,
        attempt_timeout_s=tunables.attempt_timeout_s,
        give_up_s=tunables.give_up_s,
        backoff_min_s=tunables.backoff_min_s,
        backoff_max_s=tunables.backoff_max_s,
        compression=compression,
        **_certificates(tunables, otel),
        protocol=protocol,
        warnings=warnings,
    )


def _certificates(tunables: OtlpSettings, otel: Mapping[str, str]) -> dict[str, str | None]:
    """File names. A client's certificate and its key come from one place."""
    own, hosts = tunables.client_certificate_file, otel.get("client_certificate")
    key = tunables.client_key_file if own is not None else otel.get("client_key")
    files = {
        "ca_file": tunables.ca_file or otel.get("certificate"),
        "client_certificate_file": own or hosts,
        "client_key_file": key,
    }
    return {name: None if file is None else str(file) for name, file in files.items()}


def check_url(url: str) -> str:
    """*url* without a slash at its end, if it can be the base of a receiver.

    Raises:
        ValueError: no ``http(s)://host``, or a login, query or fragment in it.

    >>> check_url("http://otel-collector:4318/")
    'http://otel-collector:4318'
    """
    parts = urlsplit(url.strip())  # ValueError for a broken [IPv6]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL such as http://otel-collector:4318")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no login; enterprise_otlp_headers or _api_key may")
    if parts.query or parts.fragment or parts.port == 0:  # .port: ValueError over 65535
        raise ValueError("must be a URL without query and fragment, on a port from 1 to 65535")
    return url.strip().rstrip("/")


def with_scheme(endpoint: str) -> str:
    """A bare ``host:port``, as gRPC's users write it, is without TLS.

    >>> with_scheme("otel-collector:4317"), with_scheme("https://h:4317")
    ('http://otel-collector:4317', 'https://h:4317')
    """
    return endpoint if "://" in endpoint else f"http://{endpoint.strip()}"


def header_pairs(text: str) -> dict[str, str]:
    """``k=v,k2=v2`` by the rules of W3C baggage: percent-decoded, ``=`` allowed in values.

    Names come back in lower case; the last of two equal names wins.

    Raises:
        ValueError: a pair without ``=``, or a name or value that HTTP can't carry.

    >>> header_pairs("Authorization=Basic%20abc==, x-scope=a=b")
    {'authorization': 'Basic abc==', 'x-scope': 'a=b'}
    """
    pairs: dict[str, str] = {}
    for pair in filter(None, (p.strip() for p in text.split(","))):
        name, equals, raw = pair.partition("=")
        name, value = unquote(name.strip()).lower(), unquote(raw.strip())
        if not equals or not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(_HEADERS_FORM)
        pairs[name] = value
    return pairs


def _base(texts: OtlpTexts) -> str:
    return (texts.endpoint or _otel_text(texts.otel, "endpoint")).strip().rstrip("/")


def _urls(base: str) -> dict[str, str]:
    return {signal: base.rstrip("/") + path for signal, path in _PATHS.items()}


def _otel_urls(otel: Mapping[str, SecretStr]) -> dict[str, str] | None:
    base = _otel_text(otel, "endpoint")
    urls = _urls(_checked_otel_url("endpoint", base)) if base else {}
    for signal in _PATHS:
        exact = _otel_text(otel, f"{signal}_endpoint")
        if exact:
            urls[signal] = _checked_otel_url(f"{signal}_endpoint", exact)
    return urls if len(urls) == len(_PATHS) else None


def _checked_otel_url(name: str, url: str) -> str:
    try:
        return check_url(url)
    except ValueError as error:
        problem = SettingsError(f"{_OTEL}{name.upper()}", allowed=str(error))
    raise problem


def _otel_extras(texts: OtlpTexts) -> dict[str, str]:
    names = ("certificate", "client_certificate", "client_key", "compression")
    return {name: text for name in names if (text := _otel_text(texts.otel, name))}


def _otel_protocol(otel: Mapping[str, SecretStr]) -> str:
    found = {}
    for signal in _PATHS:
        name = f"{signal}_protocol"
        name = name if _otel_text(otel, name) else "protocol"
        found[name] = protocol = _otel_text(otel, name) or _HTTP
        if protocol not in ("http", _HTTP, "grpc"):
            problem = f"must be {_HTTP} or grpc"
            raise SettingsError(f"{_OTEL}{name.upper()}", value=repr(protocol), allowed=problem)
    if len({protocol == "grpc" for protocol in found.values()}) > 1:
        names = ", ".join(f"{name.upper()}={protocol}" for name, protocol in found.items())
        raise SettingsError(f"{_OTEL}*", allowed=f"must be one protocol, and not {names}")
    return "grpc" if "grpc" in found.values() else "http"


def _headers(
    texts: OtlpTexts, *, named_by_otel: bool
) -> tuple[dict[str, SecretStr], tuple[str, ...]]:
    own, key = texts.headers.get_secret_value(), texts.api_key.get_secret_value()
    if named_by_otel and not own and not key:
        pairs = _checked_pairs(f"{_OTEL}HEADERS", _otel_text(texts.otel, "headers"))
    else:
        pairs = _checked_pairs("enterprise_otlp_headers", own)
    warnings: tuple[str, ...] = ()
    if key:
        if "authorization" in pairs:
            warnings = (
                "enterprise_otlp_api_key replaces authorization of enterprise_otlp_headers",
            )
        pairs["authorization"] = f"Bearer {key}"
    return {name: SecretStr(value) for name, value in pairs.items()}, warnings


def _checked_pairs(setting: str, text: str) -> dict[str, str]:
    try:
        return header_pairs(text)
    except ValueError as error:
        problem = SettingsError(setting, allowed=str(error))
    raise problem


def _otel_text(otel: Mapping[str, SecretStr], name: str) -> str:
    value = otel.get(name)
    return "" if value is None else value.get_secret_value()
