"""Names of the environment for any platform, beside those of the one that we come from.

Stands behind `settings/environment.py`. Pure: a mapping in, values of fields out. They are names
of the environment and no fields: each stands for one or more of the platform's. Where both are set
the platform's wins, and a difference is a sentence for the log.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from telemetry_actors.base.switches import WORDS, is_gateway_word, truth_of
from telemetry_actors.errors import SettingsError
from telemetry_actors.redaction.redaction import know_url, place_of

ENABLED: Final = "TELEMETRY_ACTORS__ENABLED"
ENDPOINT: Final = "TELEMETRY_ACTORS__ENDPOINT"
SERVICE_NAME: Final = "TELEMETRY_ACTORS__SERVICE_NAME"

GATEWAY_SWITCH: Final = "enterprise_telemetry_gateway_enabled"
NEUTRAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    ENABLED: ("enterprise_enabled", "enterprise_telemetry_enabled", GATEWAY_SWITCH),
    ENDPOINT: ("enterprise_otlp_endpoint",),
    SERVICE_NAME: ("enterprise_service_name",),
}
"""Each with the fields that it stands for."""


class Neutral(NamedTuple):
    """What the neutral names say."""

    values: dict[str, str]
    """Text by field, for those that nothing else names."""
    names: dict[str, str]
    """Of each such field: the name that it has its text from."""
    differences: tuple[str, ...]
    """One sentence for each neutral name that the platform's goes over and that says otherwise."""


def read_neutral(environ: Mapping[str, str], given: Collection[str]) -> Neutral:
    """What *environ* says by neutral names.

    Args:
        given: fields that have been given in code, which nothing of the environment goes over.

    Raises:
        SettingsError: a switch says neither true nor false.
    """
    values, names, differences = dict[str, str](), dict[str, str](), list[str]()
    for name, fields in NEUTRAL_NAMES.items():
        text = environ.get(name, "")
        open_fields = [field for field in fields if field not in given]
        if not text or not open_fields:
            continue
        if name == ENABLED and truth_of(text) is None:
            raise SettingsError(name, value=repr(text), allowed=f"must be {WORDS}")
        theirs = {
            field: environ[field.upper()] for field in open_fields if environ.get(field.upper())
        }
        for field in open_fields:
            if field not in theirs:
                values[field] = _as_field(field, text)
                names[field] = name
        other = [field for field, their in theirs.items() if not _say_the_same(field, text, their)]
        if other:
            differences.append(_difference(name, text, {field: theirs[field] for field in other}))
    return Neutral(values, names, tuple(differences))


def _as_field(field: str, text: str) -> str:
    """In the gateway switch's own words, which are fewer."""
    return str(bool(truth_of(text))).lower() if field == GATEWAY_SWITCH else text


def _say_the_same(field: str, text: str, theirs: str) -> bool:
    if field == GATEWAY_SWITCH:
        return truth_of(text) is is_gateway_word(theirs)
    if field in NEUTRAL_NAMES[ENABLED]:
        return truth_of(text) is truth_of(theirs)
    return text.strip().rstrip("/") == theirs.strip().rstrip("/")


def _difference(name: str, text: str, theirs: Mapping[str, str]) -> str:
    said = " and ".join(
        f"{field.upper()} is {_shown(name, their)}" for field, their in theirs.items()
    )
    verb = "win" if len(theirs) > 1 else "wins"
    return f"{name} is {_shown(name, text)}, but {said}, which {verb}"


def _shown(name: str, text: str) -> str:
    """Of a URL no more than where it leads to: it may hold a login."""
    if name != ENDPOINT:
        return repr(text)
    know_url(text)
    return place_of(text) or "another"
