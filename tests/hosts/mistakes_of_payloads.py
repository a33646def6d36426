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
ANEW = "get_gateway().stop()\n"
"""gunicorn's program may be another's, too."""
NO_MAP = (
    r"case app_created: events are refused \(invalid\): {}; hand in a mapping with texts as keys"
)
STOPPED = (
    r"events are refused \(stopping\), the first one of case app_created: the gateway stops, or has"
    r" stopped; stop it after the last emit\(\), or make a new one"
)
OWN_CASE = """
from typing_extensions import TypedDict
class Seat(TypedDict):
    price: int
def to_signals(facts, payload, settings):
    raise AssertionError
register_case(CaseDefinition("seat_sold", Seat, to_signals))
"""
STRICT = {"TELEMETRY_ACTORS__STRICT": "true"}


NO_THREAD = """
import _thread
def none(*_): raise RuntimeError("can't start new thread")
_thread.start_new_thread = none
"""


def invalid(case: str, cause: str) -> str:
    """What is read of such a payload."""
    return (
        rf"case {case}: events are dropped \(invalid_payload\): {cause}; correct what emit\(\) is"
        r" given \(a dead letter's error names the key\)"
    )


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


WORKER = f"""
import multiprocessing
def work():
    get_gateway().start().stop()
    {NO_THREAD.replace(chr(10), chr(10) + "    ")}
    {emitting().removesuffix(END)}
worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
"""
FORK = f"""
init().start().stop()
import os
child = os.fork()
if not child:
    {emitting().replace(END, "    " + END)}
    os._exit(0)
os.waitpid(child, 0)
{emitting().removesuffix(END)}
"""

PAYLOADS = (
    Mistake(
        "a typo in a case",
        (r"case 'app_craeted' is unknown \(refused as unknown_case\); did you mean app_created\?",),
        program=emitting(case="app_craeted"),
    ),
    Mistake(
        "sixty names of nobody's",
        (
            *[r"case 'nobody_\d+' is unknown \(refused as unknown_case\); register_case\(\) .*"]
            * 3,
            (
                r"events were lost; in all 60 \(unknown_case: 1 of case nobody_\d+, 1 of case"
                r" nobody_\d+, 1 of case nobody_\d+, 57 of others\)"
            ),
        ),
        program=f"""
for n in range(60):
    emit(f"nobody_{{n}}", {TENANT}, {{}})
""",
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
        "a required key that is missing",
        (invalid(r"moderation_check", r"action: missing, must be a text"),),
        program=emitting(case="moderation_check", payload=f'{{"flagged": True, "a": "{SECRET}"}}'),
    ),
    Mistake(
        "a required key whose value can't be read, and a typed way in",
        (invalid(r"moderation_check", r"flagged: unreadable, must be .*"),),
        program=f"""
from telemetry_actors.typed import emit_moderation_check as typed
for _ in range(1000):
    typed({TENANT}, {{"flagged": ["{SECRET}"], "action": "x"}})
{END}""",
    ),
    Mistake(
        "a model of one's own that refuses it",
        (invalid(r"seat_sold", r"price: must be a whole number"),),
        program=OWN_CASE + emitting(case="seat_sold", payload=f'{{"price": "{SECRET}"}}'),
    ),
    Mistake(
        "a validator of one's own that refuses it",
        (invalid(r"seat_sold", r"price: refused by a validator of the model"),),
        program=OWN_CASE.replace("price: int", "price: Annotated[str, AfterValidator(no)]").replace(
            "class",
            f"""from typing import Annotated
from pydantic import AfterValidator
def no(price):
    raise ValueError("{SECRET}")
class""",
        )
        + emitting(case="seat_sold", payload='{"price": "1"}'),
    ),
    Mistake(
        "a list for a payload",
        (NO_MAP.format("the payload is no mapping but of type list"),),
        program=emitting(payload=f'["{SECRET}"]'),
    ),
    Mistake(
        "a text for a context",
        (NO_MAP.format("the context is no mapping but of type str"),),
        program=emitting(context=f'"{SECRET}"'),
    ),
    Mistake(
        "more than an event may have",
        (
            (
                r"case app_created: events are refused \(too_large\): payload or context has more"
                r" bytes or items than one event may have; send less with the event, or raise"
                r" gateway\.max_event_bytes or gateway\.max_context_bytes"
            ),
        ),
        environment={"TELEMETRY_ACTORS__GATEWAY__MAX_EVENT_BYTES": "2000"},
        program=emitting(payload=f'{{"app_id": "a", "mode": "{SECRET}" * 1000}}'),
    ),
    Mistake(
        "no sink among those that were handed in",
        (
            (
                r"events are dropped \(no_sink\), the first one of case app_created: there is"
                r" nowhere to send it; set TELEMETRY_ACTORS__ENDPOINT, or ENTERPRISE_OTLP_ENDPOINT,"
                r" or hand a sink to the gateway"
            ),
        ),
        program=ANEW + f"init(sinks=[])\n{emitting()}",
    ),
    Mistake(
        "events after a stop",
        (STOPPED,),
        program=ANEW + f"init().start().stop()\n{emitting().removesuffix(END)}",
    ),
    Mistake(
        "events after a stop, and no thread to be had",
        (STOPPED,),
        program=ANEW + f"init().start().stop()\n{NO_THREAD}{emitting().removesuffix(END)}",
    ),
    Mistake(
        "events after a stop in a worker of multiprocessing, and no thread to be had",
        (STOPPED,),
        program=ANEW + WORKER,
    ),
    Mistake(
        "events after a stop in the parent of a fork, and in the child before one",
        (STOPPED,),
        program=ANEW + FORK,
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
