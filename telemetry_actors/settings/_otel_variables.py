"""The ``OTEL_...`` variables of OpenTelemetry's specification: which we use, and why not others.

Stands before `settings/otlp_target.py`, which uses them. Pure. One table for the code, the warning
at the start and docs/configuration.md, so that none of a family that we read is passed over in
silence.

Source:
    OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "Environment Variable
    Specification"; a test compares the names with those that the SDK knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

PREFIX: Final = "OTEL_EXPORTER_OTLP_"
SIGNALS: Final = ("logs", "traces", "metrics")


class Variable(NamedTuple):
    """One of the family, or one and its siblings for each signal."""

    name: str
    """Lower case, without `PREFIX`."""
    meaning: str
    """For the page: what we do about it."""
    of_signals: bool = True
    """``..._LOGS_<NAME>`` and its siblings go over it, for their signal."""
    only: tuple[str, ...] = ()
    """The values that we can do; none = any (or what else is checked is an error)."""
    refusal: str = ""
    """Why another value, or the variable, is not used."""


FAMILY: Final = (
    Variable(
        "endpoint",
        "Used. The base of all three signals; one of a signal is used exactly as it is. With `grpc`"
        " a bare `host:port` and `dns:///host:port`, too.",
    ),
    Variable("protocol", "Used: `http/protobuf` or `grpc`, all three signals alike."),
    Variable("headers", "Used. One of a signal replaces the general one."),
    Variable(
        "compression",
        "Used: `none` or `gzip`.",
        only=("none", "gzip"),
        refusal="none and gzip are known",
    ),
    Variable("certificate", "Used: PEM file of the authority."),
    Variable("client_certificate", "Used: PEM file of our own certificate."),
    Variable("client_key", "Used: PEM file of the key to it."),
    Variable(
        "insecure",
        "Used with `grpc`, for an endpoint without a scheme: `false` is TLS; `true`, or none, is"
        " without. A scheme says it itself.",
    ),
    Variable(
        "timeout",
        "**Not used**, and said: the specification means milliseconds, the Python SDK seconds."
        " `otlp.attempt_timeout_s` says what it means.",
        refusal="otlp.attempt_timeout_s is the setting",
        only=("",),
    ),
    Variable(
        "metrics_temporality_preference",
        "`cumulative` is what is sent; any other is **not used**, and said.",
        of_signals=False,
        only=("cumulative",),
        refusal="sums are cumulative",
    ),
    Variable(
        "metrics_default_histogram_aggregation",
        "`explicit_bucket_histogram` is what is sent; any other is **not used**, and said.",
        of_signals=False,
        only=("explicit_bucket_histogram",),
        refusal="buckets are explicit",
    ),
)


def text_of(otel: Mapping[str, str], name: str, signal: str = "") -> str:
    """The value of *name*, that of *signal* over the general one."""
    own = otel.get(f"{signal}_{name}", "") if signal else ""
    return own or otel.get(name, "")


def not_used(otel: Mapping[str, str]) -> Iterator[str]:
    """Each variable that is set and not used, with the reason. No values: they may be secret.

    Args:
        otel: ``OTEL_EXPORTER_OTLP_<NAME>`` by lower-case *name*.
    """
    known = {name: variable for variable in FAMILY for name in names_of(variable)}
    for name, text in sorted(otel.items()):
        variable = known.get(name)
        if variable is None:
            yield f"{PREFIX}{name.upper()} (no such variable is known)"
        elif variable.only and text.strip().lower() not in variable.only:
            yield f"{PREFIX}{name.upper()} ({variable.refusal})"


def names_of(variable: Variable) -> tuple[str, ...]:
    """The general name, and those of the signals."""
    of_signals = SIGNALS if variable.of_signals else ()
    return variable.name, *(f"{signal}_{variable.name}" for signal in of_signals)
