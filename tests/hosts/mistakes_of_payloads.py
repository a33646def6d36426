"""Mistakes in what is handed to `emit()`: what is read of each, with and without ``strict``."""

from tests.hosts.mistakes import SECRET, Mistake

__all__ = ["PAYLOADS"]

GOOD = f'{{"app_id": "{SECRET}", "mode": "chat"}}'
TENANT = '{"tenant_id": "acme"}'
END = "get_gateway().flush(5)\n"
STRICT = {"TELEMETRY_ACTORS__STRICT": "true"}


def emitting(case: str = "app_created", context: str = TENANT, payload: str = GOOD) -> str:
    """A program that hands in the same event 1,000 times."""
    return f"for _ in range(1000): emit({case!r}, {context}, {payload})\n{END}"


def strictly(*arguments: str) -> str:
    """A program that hands in one event, and says what it gets for it."""
    event = ", ".join(arguments)
    return f"""
import sys
try:
    emit({event})
except StrictError as error:
    print("telemetry_actors: raised:", error, file=sys.stderr)
{END}"""


PAYLOADS = (
    Mistake(
        "a typo in a case",
        (r"case 'app_craeted' is unknown \(refused as unknown_case\); did you mean app_created\?",),
        program=emitting(case="app_craeted"),
    ),
    Mistake(
        "a case of one's own that nobody has registered",
        (
            (
                r"case 'shop_order' is unknown \(refused as unknown_case\); register_case\(\) makes"
                r" one of your own known"
            ),
        ),
        program=emitting(case="shop_order"),
    ),
    Mistake(
        "no tenant at all",
        (
            (
                r"events without a tenant arrive, the first one of case app_created: neither"
                r" payload nor context has a tenant_id, so theirs is empty; put one into the context"
            ),
        ),
        program=emitting(context="{}"),
    ),
    Mistake("a key that the case doesn't have", (), program=emitting(payload='{"app_idd": "a"}')),
)
