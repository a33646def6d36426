"""Every exception `telemetry_actors` raises on purpose.

Catch `TelemetryError` to catch them all. Each class carries a stable ``code`` (the
anchor of its section in ``docs/errors.md``) and the facts needed to act on it as
attributes, so nobody has to parse a message. ``emit()`` raises none of them but
`StrictError`, where ``strict`` is on: it returns an `Admission`.
"""

from __future__ import annotations

from typing import ClassVar

from telemetry_actors.redaction.redaction import without_secrets

__all__ = [
    "AlreadyRunning",
    "CaseError",
    "EnvelopeError",
    "SettingsError",
    "StrictError",
    "TelemetryError",
]


class TelemetryError(Exception):
    """Base of all errors raised by this package."""

    code: ClassVar[str] = "telemetry-error"


class SettingsError(TelemetryError):
    """A setting can't be used. Nothing has been started; correct it and try again.

    The message is one line: the setting, its value (never a secret's), what is allowed.
    """

    code = "settings"

    def __init__(self, setting: str, *, allowed: str, value: str | None = None) -> None:
        """Say which *setting* is wrong and what would be right.

        Args:
            setting: its name, such as ``gateway.linger_s`` or an environment name.
            allowed: what is allowed, as the end of a sentence: ``must be at least 0``.
            value: the value as text; ``None`` where it is a secret, may hold one, or
                is no single value.
        """
        setting, allowed = without_secrets(setting), without_secrets(allowed)
        value = None if value is None else without_secrets(value)
        shown = "" if value is None else f" = {value}"
        super().__init__(" ".join(f"{setting}{shown}: {allowed}".split()))
        self.setting = setting
        self.allowed = allowed
        self.value = value

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, as errors that cross a process border must."""
        return _settings_error, (self.setting, self.allowed, self.value)


class AlreadyRunning(TelemetryError):
    """`init()` while this process has a gateway that has not been stopped, or while it ends.

    Nothing was changed. Stop the one that there is, or use it: `get_gateway` gives it.
    """

    code = "already-running"

    def __init__(self, made_at: str | None) -> None:
        """Say where the one that runs was made.

        Args:
            made_at: file and line of the call that made it; None: the process is ending.
        """
        super().__init__(
            "this process is ending: no gateway is made any more"
            if made_at is None
            else f"this process has a gateway already, made at {made_at}: stop() it first,"
            " or use get_gateway()"
        )
        self.made_at = made_at

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling."""
        return AlreadyRunning, (self.made_at,)


class _AboutACase(TelemetryError):
    def __init__(self, case: str, problem: str) -> None:
        super().__init__(" ".join(f"case {case}: {problem}".split()))
        self.case = case
        self.problem = problem

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, as errors that cross a process border must."""
        return type(self), (self.case, self.problem)


class CaseError(_AboutACase):
    """A case of your own can't be used. Nothing was registered; correct it and try again.

    The message is one line: the case, what is wrong, and what would be right.
    """

    code = "case"


class StrictError(_AboutACase):
    """`emit()` was handed a mistake, and ``strict`` is on. It was counted as it is without.

    The message is one line: the case, and what is wrong with it, its tenant or its payload. It
    names keys, and never a value.
    """

    code = "strict"


class EnvelopeError(TelemetryError):
    """Bytes are not an envelope, a payload or a context, or exceed a bound.

    They came from outside or were damaged; nothing was taken from them.
    """

    code = "envelope"


def _settings_error(setting: str, allowed: str, value: str | None) -> SettingsError:
    return SettingsError(setting, allowed=allowed, value=value)
