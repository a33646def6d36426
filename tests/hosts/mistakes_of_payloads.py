"""Mistakes in what is handed to `emit()`: what is read of each, with and without ``strict``."""

from tests.hosts.mistakes import SECRET, Mistake

__all__ = ["PAYLOADS"]

GOOD = f'{{"app_id": "{SECRET}", "mode": "chat"}}'
TENANT = '{"tenant_id": "acme"}'
END = "get_gateway().flush(5)\n"
NO_TENANT = (
    r"events without a tenant arrive, the first one of case app_created: neither payload nor"
    r" context has a tenant_id, so theirs is empty; put one into the context"
)
STRICT = {"TELEMETRY_ACTORS__STRICT": "true"}


def emitting(case: str = "app_created", context: str = TENANT, payload: str = GOOD) -> str:
    """A program that hands in the same event 1,000 times."""
    return f"for _ in range(1000): emit({case!r}, {context}, {payload})\n{END}"


def strictly(words: str, **event: str) -> str:
    """A program in which such an event raises an error that says so."""
    return f"""
try:
    {emitting(**event).removesuffix(END)}
except StrictError as error:
    assert str(error) == {words!r}, error
else:
    raise AssertionError("nothing was raised")
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
        (NO_TENANT,),
        program=emitting(context="{}"),
    ),
    Mistake(
        "strict, and a key that the case doesn't have",
        (),
        environment=STRICT,
        program=strictly(
            "case app_created: the payload has no key app_idd; did you mean app_id?",
            payload=f'{{"app_idd": "{SECRET}"}}',
        ),
    ),
    Mistake(
        "strict, and a value that can't be read",
        (),
        environment=STRICT,
        program=strictly(
            "case app_created: the payload is invalid: app_id can't be read and would be left out",
            payload=f'{{"app_id": ["{SECRET}"]}}',
        ),
    ),
    Mistake(
        "strict, and a key of the context that isn't the tenant's",
        (NO_TENANT,),
        environment=STRICT,
        program=strictly(
            "case app_created: no tenant: neither payload nor context has a tenant_id; the context"
            " has tenant: did you mean tenant_id?",
            context='{"tenant": "acme"}',
        ),
    ),
)
