"""What a text of the environment says of a switch: the words, once, and the platform's exceptions.

Beside `settings/environment.py` and `settings.py`. Pure. Every switch takes the same words (those
of pydantic, which checks the fields); two have rules that are not ours to change, and whoever
meets one of those is told of it in the line that says what is off.
"""

from __future__ import annotations

from typing import Final

_TRUE: Final = frozenset(("1", "on", "t", "true", "y", "yes"))
_FALSE: Final = frozenset(("0", "off", "f", "false", "n", "no"))
WORDS: Final = "true or false (1, yes, on and 0, no, off do, too)"
"""What a switch takes, for people."""
GATEWAY_RULE: Final = "true, 1 or yes turn it on"
_OF_GATEWAY: Final = ("true", "1", "yes")


def truth_of(text: str) -> bool | None:
    """What *text* says; None: neither of the two.

    >>> truth_of("On"), truth_of("0"), truth_of("enabled")
    (True, False, None)
    """
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None


def is_gateway_word(text: str) -> bool:
    """Whether it turns ``ENTERPRISE_TELEMETRY_GATEWAY_ENABLED`` on, as the platform has it.

    >>> is_gateway_word("Yes"), is_gateway_word("on")
    (True, False)
    """
    return text.lower() in _OF_GATEWAY


def is_sdk_disabled(text: str) -> bool:
    """Whether ``OTEL_SDK_DISABLED`` says so, as OpenTelemetry's specification has it.

    >>> is_sdk_disabled(" TRUE"), is_sdk_disabled("1")
    (True, False)
    """
    return text.strip().lower() == "true"
