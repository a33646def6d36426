"""Where OTLP goes: the rules that turn several settings into one target.

Stands between `settings.py` and `sinks/otlp`. Pure: texts in, `OtlpTarget` or
`SettingsError` out; nothing is connected, and no file is opened.

- Endpoint: ``ENTERPRISE_OTLP_ENDPOINT``, else ``OTEL_EXPORTER_OTLP_{LOGS,TRACES,METRICS}_ENDPOINT``
  (exact) over ``OTEL_EXPORTER_OTLP_ENDPOINT`` (a base). Localhost is never guessed.
- All else that ``OTEL_EXPORTER_OTLP_...`` names (`settings/_otel_variables.py`) holds for an
endpoint of
  these names alone: a host's own secrets go nowhere else. What is set for a signal goes over what
  is set for all; the enterprise headers and API key, and ``otlp.*``, go over both.
- Protocol: of whichever names the endpoint. All three signals must come to the same: one
  sink carries them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from telemetry_actors.errors import SettingsError
from telemetry_actors.settings._header_texts import header_pairs, headers_of
from telemetry_actors.settings._otel_variables import PREFIX, SIGNALS, not_used, text_of
from telemetry_actors.settings.header_files import HeaderFiles
from telemetry_actors.settings.parts import OtlpSettings

_HTTP = "http/protobuf"
_URL_FORM = "must be a URL such as http://otel-collector:4318"
_PORT_FORM = "must be a URL on a port from 1 to 65535"
_NO_LOGIN = "must hold no login; enterprise_otlp_headers or _api_key may"
_HOST = re.compile(  # a name, or IPv6
    rb"[A-Za-z0-9_-][A-Za-z0-9._-]*|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(%.+)?"
)


@dataclass(frozen=True, slots=True)
class OtlpRoute:
    """How one kind of signals travels."""

    url: str
    headers: Mapping[str, SecretStr] = field(repr=False)
    """Sent with each request; names in lower case."""
    compression: str
    """``none`` or ``gzip``."""
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    def plain_headers(self) -> dict[str, str]:
        """The headers as they go on the wire. Hand them to the HTTP session only."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}

    def tls(self) -> dict[str, str | None]:
        """The certificates, by the names that `OtlpSink` has for them."""
        return {
            "ca_file": self.ca_file,
            "client_certificate_file": self.client_certificate_file,
            "client_key_file": self.client_key_file,
        }


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """A receiver and how to talk to it: complete, checked, without a guess."""

    endpoint: str
    """For people: the base URL, or the logs', without query, where only exact ones are given."""
    logs: OtlpRoute
    traces: OtlpRoute
    metrics: OtlpRoute
    attempt_timeout_s: float
    give_up_s: float
    backoff_min_s: float
    backoff_max_s: float
    protocol: str = "http"
    """``http`` or ``grpc``; with ``grpc`` the paths of the URLs are not used."""
    header_files: HeaderFiles | None = field(default=None, repr=False)
    """Files that more of the headers are in; what they hold is not in the routes."""
    warnings: tuple[str, ...] = ()
    """What the settings override or don't use, for the gateway to say once. Without secrets."""


class OtlpTexts(NamedTuple):
    """The settings that name the receiver, as given."""

    endpoint: str
    protocol: str
    """Of the enterprise settings, checked; empty where it was not set."""
    headers: SecretStr
    api_key: SecretStr
    otel: Mapping[str, SecretStr]
    """``OTEL_EXPORTER_OTLP_<NAME>`` by lower-case *name*."""
    files: HeaderFiles | None = None
    """Where headers or key are in a file."""


def resolve(texts: OtlpTexts, tunables: OtlpSettings) -> OtlpTarget | None:
    """The target that the settings name, or ``None``: nobody named one.

    An ``OTEL_...`` endpoint counts only when all three signals get a URL by it.

    Raises:
        SettingsError: an ``OTEL_...`` text is unusable, or its protocols differ by signal.
    """
    otel = {} if texts.endpoint else _plain(texts.otel)
    if not texts.endpoint and _without_endpoint(otel):
        return None
    protocol = texts.protocol or (_otel_protocol(otel) if otel else "http")
    urls = _otel_urls(otel, grpc=protocol == "grpc") if otel else _urls(texts.endpoint)
    routes = {signal: _route(signal, urls[signal], texts, otel, tunables) for signal in SIGNALS}
    unused = _beside_ours(texts) if texts.endpoint else ", ".join(not_used(otel))
    return OtlpTarget(
        endpoint=_for_people(texts.endpoint or urls[""] or urls["logs"]),
        **routes,
        attempt_timeout_s=tunables.attempt_timeout_s,
        give_up_s=tunables.give_up_s,
        backoff_min_s=tunables.backoff_min_s,
        backoff_max_s=tunables.backoff_max_s,
        protocol=protocol,
        header_files=texts.files,
        warnings=tuple(filter(None, (_key_wins(texts), unused and f"not used: {unused}"))),
    )


def _beside_ours(texts: OtlpTexts) -> str:
    """Which of the host's ``OTEL_...`` don't count, for another endpoint than theirs is used."""
    names = [f"{PREFIX}{name.upper()}" for name, text in sorted(_plain(texts.otel).items()) if text]
    why = "our own endpoint is set, for which otlp.*, ENTERPRISE_OTLP_HEADERS and _PROTOCOL count"
    return f"{', '.join(names)} ({why})" if names else ""


def half_named(texts: OtlpTexts) -> str:
    """What to say where ``OTEL_...`` names an endpoint for some signals only; else ""."""
    otel = {} if texts.endpoint else _plain(texts.otel)
    missing = _without_endpoint(otel)
    given = [f"{PREFIX}{s.upper()}_ENDPOINT" for s in SIGNALS if s not in missing]
    if not given or not missing:
        return ""
    return f"{' and '.join(given)} alone: there is no endpoint for {' and '.join(missing)}"


def _route(
    signal: str, url: str, texts: OtlpTexts, otel: Mapping[str, str], tunables: OtlpSettings
) -> OtlpRoute:
    compression: str = tunables.compression
    if "compression" not in tunables.model_fields_set:
        theirs = text_of(otel, "compression", signal).strip().lower()
        compression = theirs if theirs in ("none", "gzip") else compression
    return OtlpRoute(
        url=url,
        headers=_headers(texts, otel, signal),
        compression=compression,
        **_certificates(tunables, otel, signal),
    )


def _certificates(
    tunables: OtlpSettings, otel: Mapping[str, str], signal: str
) -> dict[str, str | None]:
    """File names. A client's certificate and its key come from one place."""
    own = tunables.client_certificate_file
    hosts = text_of(otel, "client_certificate", signal)
    key = tunables.client_key_file if own is not None else text_of(otel, "client_key", signal)
    files = {
        "ca_file": tunables.ca_file or text_of(otel, "certificate", signal),
        "client_certificate_file": own or hosts,
        "client_key_file": key,
    }
    return {name: str(file) if file else None for name, file in files.items()}


def check_url(url: str) -> str:
    """*url* without a slash at its end, if it can be the base of a receiver.

    Raises:
        ValueError: no ``http(s)://host``, or a login, query or fragment in it. Its text holds
            nothing of *url*.

    >>> check_url("http://otel-collector:4318/")
    'http://otel-collector:4318'
    """
    parts = _parts_of(url)
    if "@" in url:  # in a path, or of a login that begins like a port
        raise ValueError(_NO_LOGIN)
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without query and fragment")
    return url.strip().rstrip("/")


def check_exact_url(url: str) -> str:
    """*url* as it is, if requests can be sent to it: path, slash and query are the receiver's.

    Raises:
        ValueError: as `check_url`.

    >>> check_exact_url("https://h/v1/logs/?tenant=t")
    'https://h/v1/logs/?tenant=t'
    """
    if _parts_of(url).fragment:
        raise ValueError("must be a URL without fragment")
    return url.strip()


def _parts_of(url: str) -> SplitResult:
    """Its parts, once it is sure that it has all that a request needs."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # whose text may hold a piece of a login
        parts = SplitResult("", "", "", "", "")
    if "@" in parts.netloc or _is_torn(url):
        raise ValueError(_NO_LOGIN)
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname or ""):
        raise ValueError(_URL_FORM)
    if not _has_usable_port(parts):
        raise ValueError(_PORT_FORM)
    return parts


def _is_host(name: str) -> bool:
    """Whether `requests` and gRPC take it, too."""
    try:
        return _HOST.fullmatch(name.encode("idna")) is not None
    except UnicodeError:
        return False


def _has_usable_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:  # whose text may hold a piece of a login
        return False


def _is_torn(url: str) -> bool:
    """Whether what comes before an ``@`` is no host and port, so that it must be a login."""
    # A "/", "?" or "#" in a password ends what `urlsplit` takes for host and port.
    before, at, _ = url.partition("://")[2].rpartition("@")
    if not at:
        return False
    place = re.split(r"[/?#]", before, maxsplit=1)[0]
    return ":" in place.rpartition("]")[2] and not place.rpartition(":")[2].isdecimal()


def with_scheme(endpoint: str, *, tls: bool = False) -> str:
    """A bare ``host:port``, as gRPC's users write it, is without TLS unless *tls* is wanted.

    So is gRPC's ``dns:///host:port``.

    >>> with_scheme("otel-collector:4317"), with_scheme("https://h:4317")
    ('http://otel-collector:4317', 'https://h:4317')
    >>> with_scheme("dns:///h:4317", tls=True)
    'https://h:4317'
    """
    place = endpoint.strip().removeprefix("dns:///")
    return place if "://" in place else f"{'https' if tls else 'http'}://{place}"


def _plain(otel: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: text.get_secret_value() for name, text in otel.items()}


def _for_people(url: str) -> str:
    """A base as it is; of an exact URL no query, which may hold a key."""
    return url.strip().partition("?")[0].rstrip("/")


def _urls(base: str) -> dict[str, str]:
    base = base.rstrip("/")
    return {"": base} | {signal: f"{base}/v1/{signal}" for signal in SIGNALS}


def _without_endpoint(otel: Mapping[str, str]) -> list[str]:
    return [signal for signal in SIGNALS if not text_of(otel, "endpoint", signal)]


def _otel_urls(otel: Mapping[str, str], *, grpc: bool) -> dict[str, str]:
    """By signal; "" is the base, or none."""
    base = _checked_otel_url(otel, "endpoint", "", grpc=grpc) if otel.get("endpoint") else ""
    urls = _urls(base) if base else {"": ""}
    for signal in SIGNALS:
        own = f"{signal}_endpoint"
        if otel.get(own):
            urls[signal] = _checked_otel_url(otel, own, signal, grpc=grpc)
        elif grpc:  # the base, but perhaps a signal's own word on TLS
            urls[signal] = _checked_otel_url(otel, "endpoint", signal, grpc=grpc)
    return urls


def _checked_otel_url(otel: Mapping[str, str], name: str, signal: str, *, grpc: bool) -> str:
    url = otel[name]
    if grpc:
        tls = text_of(otel, "insecure", signal).strip().lower() == "false"
        url = with_scheme(url, tls=tls)
    check = check_url if name == "endpoint" else check_exact_url
    try:
        checked = check(url)
    except ValueError as error:
        problem = SettingsError(f"{PREFIX}{name.upper()}", allowed=str(error))
    else:
        parts = urlsplit(checked)
        return f"{parts.scheme}://{parts.netloc}" if grpc else checked
    raise problem


def _otel_protocol(otel: Mapping[str, str]) -> str:
    found = {}
    for signal in SIGNALS:
        name = f"{signal}_protocol" if otel.get(f"{signal}_protocol") else "protocol"
        found[name] = protocol = otel.get(name, "").strip().lower() or _HTTP
        if protocol not in ("http", _HTTP, "grpc"):
            problem = f"must be {_HTTP} or grpc"
            raise SettingsError(f"{PREFIX}{name.upper()}", value=repr(protocol), allowed=problem)
    if len({protocol == "grpc" for protocol in found.values()}) > 1:
        names = ", ".join(f"{name.upper()}={protocol}" for name, protocol in found.items())
        raise SettingsError(f"{PREFIX}*", allowed=f"must be one protocol, and not {names}")
    return "grpc" if "grpc" in found.values() else "http"


def _headers(texts: OtlpTexts, otel: Mapping[str, str], signal: str) -> dict[str, SecretStr]:
    own, key = texts.headers.get_secret_value(), texts.api_key.get_secret_value()
    if own or key or texts.files:
        pairs = headers_of(_checked_pairs("enterprise_otlp_headers", own), key)
    else:
        name = f"{signal}_headers" if otel.get(f"{signal}_headers") else "headers"
        pairs = _checked_pairs(f"{PREFIX}{name.upper()}", otel.get(name, ""))
    return {name: SecretStr(value) for name, value in pairs.items()}


def _key_wins(texts: OtlpTexts) -> str:
    own = header_pairs(texts.headers.get_secret_value())
    if not texts.api_key.get_secret_value() or "authorization" not in own:
        return ""
    return "enterprise_otlp_api_key replaces authorization of enterprise_otlp_headers"


def _checked_pairs(setting: str, text: str) -> dict[str, str]:
    try:
        return header_pairs(text)
    except ValueError as error:
        problem = SettingsError(setting, allowed=str(error))
    raise problem
