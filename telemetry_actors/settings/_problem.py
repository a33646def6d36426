"""pydantic's report of what is wrong with settings → one `SettingsError`.

Stands behind `settings/parts.py` and `settings.py`. A person who starts a service reads one
line, so only the first problem is told: the setting, its value, what is allowed. A
value is shown only where it can't be a secret: not for a `SecretStr` field, not for an
unknown key (it may be a misspelt secret), not for what looks like a URL with a login.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from telemetry_actors.base.refused import REFUSED
from telemetry_actors.base.switches import WORDS
from telemetry_actors.errors import SettingsError
from telemetry_actors.settings.environment import PREFIX, nearest

_LONGEST_VALUE = 80

_ALLOWED = {
    **{kind: words for kind, words in REFUSED.items() if kind.startswith(("float_", "int_"))},
    "bool_parsing": f"must be {WORDS}",
    "bool_type": f"must be {WORDS}",
    "model_type": "must be a group of settings",
    "string_type": "must be text",
}


def first_problem(
    model: type[BaseModel], error: ValidationError, *, prefix: str = ""
) -> SettingsError:
    """The first problem in *error*, which *model* raised, as a `SettingsError`.

    Args:
        prefix: the model's own place in the settings, such as ``gateway``.
    """
    # include_context stays off and include_input on: the text is made here.
    detail = error.errors(include_url=False, include_context=False)[0]
    path = [str(step) for step in detail["loc"]]
    name = ".".join([prefix, *path] if prefix else path) or "settings"
    if detail["type"] == "extra_forbidden":
        return SettingsError(
            name, allowed=f"no such setting; {nearest(path[-1], sorted(model.model_fields))}"
        )
    return SettingsError(name, allowed=_allowed(detail), value=_value(model, path, detail))


def as_written(problem: SettingsError, names: Mapping[str, str]) -> SettingsError:
    """*problem*, with each setting called as whoever has set it knows it.

    Args:
        problem: calls settings as the fields are called.
        names: field (``gateway.linger_s``) → its name in the environment, if it comes from there.
    """
    setting, allowed = problem.setting, problem.allowed
    for field, name in names.items():
        shown = field.removeprefix(f"{setting}.")
        if "_" in shown or f"{field}=" in allowed or shown != field:  # else it's a word like others
            allowed = re.sub(rf"(?<![\w./-]){re.escape(shown)}(?![\w./-])", name, allowed)
    if allowed != problem.allowed and "." in setting:  # itself it has been set by nobody
        setting = f"{PREFIX}{setting.replace('.', '__')}".upper()
    return SettingsError(names.get(problem.setting, setting), allowed=allowed, value=problem.value)


def _allowed(detail: ErrorDetails) -> str:
    known = _ALLOWED.get(detail["type"])
    if known is not None:
        return known
    text = detail["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "must be", 1)


def _value(model: type[BaseModel], path: list[str], detail: ErrorDetails) -> str | None:
    if not path or _may_be_secret(model, path[0], detail["input"]):
        return None
    text = repr(detail["input"])
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _may_be_secret(model: type[BaseModel], name: str, value: object) -> bool:
    field = model.model_fields.get(name)
    secret = field is None or "SecretStr" in str(field.annotation)
    return secret or isinstance(value, SecretStr) or "@" in str(value) or "?" in str(value)
