"""Code of a user's that raises, as data: every line that is read of it, with its file and line.

What each of them raises has the secret in it, as it has a payload's value: no line may.
"""

from __future__ import annotations

from tests.hosts.mistakes import SECRET, Mistake

__all__ = ["CRASHES"]

_CASE = f"""
source = '''
from pydantic import BaseModel
from telemetry_actors import CaseDefinition, Signals, register_case

class Ticket(BaseModel):
    seat: str

def seat_of(ticket):
    raise KeyError(ticket.seat)

def to_signals(facts, ticket, settings):
    return Signals(logs=(seat_of(ticket),))

register_case(CaseDefinition("ticket_sold", Ticket, to_signals))
'''
exec(compile(source, "/srv/shop/tickets.py", "exec"), {{}})
def sell(count):
    for _ in range(count):
        emit("ticket_sold", {{"tenant_id": "acme"}}, {{"seat": "{SECRET}"}})
    get_gateway().flush(5)
"""
_AT = (
    r"KeyError at /srv/shop/tickets\.py:9 in seat_of < /srv/shop/tickets\.py:12 in to_signals"
    r" < telemetry_actors/event/definition_check\.py:\d+ in [\w.<>]+"
)
_FLUSH = "get_gateway().flush(5)\n"
_BROKEN_SINK = f"""
source = '''
class Sink:
    name = "mine"
    def encode(self, kind, record):
        return record
    def size_of(self, record):
        return 10
    def export(self, kind, records, timeout_s):
        raise OSError("{SECRET}")
    def export_metrics(self, points, timeout_s):
        from telemetry_actors.ports import ExportResult, Verdict
        return ExportResult(Verdict.ACCEPTED)
    def close(self):
        pass
'''
names = {{}}
exec(compile(source, "/srv/shop/sink.py", "exec"), names)
init(sinks=[names["Sink"]()])
emit("app_created", {{"tenant_id": "acme"}}, {{"app_id": "{SECRET}", "mode": "chat"}})
get_gateway().flush(5)
"""
_IN_SINK = (
    r"OSError at /srv/shop/sink\.py:9 in Sink\.export"
    r" < telemetry_actors/sinks/actor\.py:\d+ in [\w.<>]+"
)
_MANAGER = f"""
source = '''
class Manager:
    def add_trace_task(self, *task):
        raise LookupError("{SECRET}")
'''
names = {{}}
exec(compile(source, "/srv/shop/traces.py", "exec"), names)
for _ in range(10):
    run = {{"workflow_id": "{SECRET}", "workflow_run_id": "r", "status": "succeeded"}}
    emit("workflow_run", {{"tenant_id": "acme"}}, run, names["Manager"]())
get_gateway().flush(5)
"""
_NO_RESULT = (
    r"TypeError: export\(\) of sink mine \(Sink\) returned a NoneType; an ExportResult is wanted,"
    r" such as ExportResult\(Verdict\.ACCEPTED\), at /srv/shop/sink\.py:8 in Sink\.export"
)
_MEASURES = f"""
source = '''
from pydantic import BaseModel
from telemetry_actors import CaseDefinition, Signals, register_case
from telemetry_actors.event.signals import Instrument, Measurement

class Ticket(BaseModel):
    seat: str

SOLD = Instrument("shop.tickets", "counter", "1")

def to_signals(facts, ticket, settings):
    return Signals(measurements=(Measurement(SOLD, (), (), VALUE),))

register_case(CaseDefinition("ticket_sold", Ticket, to_signals, instruments=(SOLD,)))
'''
exec(compile(source, "/srv/shop/tickets.py", "exec"), {{"VALUE": VALUE}})
emit("ticket_sold", {{"tenant_id": "acme"}}, {{"seat": "{SECRET}"}})
get_gateway().flush(5)
"""


def measured(value: str, words: str) -> Mistake:
    """A row of a mapping that measures *value* for a counter."""
    kind = value.partition("(")[0]
    line = (
        rf"handlers/ticket_sold/handler crashed: TypeError: the mapping of ticket_sold made an?"
        rf" {kind} that shop\.tickets can't take: {words}, at /srv/shop/tickets\.py:11 in"
        rf" to_signals; {_RESTARTED}"
    )
    return Mistake(f"a measurement: {value}", (line,), program=f"VALUE = {value}\n{_MEASURES}")


_LABEL = _MEASURES.replace("Measurement(SOLD, (), (), VALUE)", "SOLD.measure(1, seat=object())")
_WORKS_NEVER = (
    _BROKEN_SINK.replace("raise OSError", "return None # ")[: -len(_FLUSH)]
    + """
until_s = time.monotonic() + 5
while time.monotonic() < until_s:
    emit("app_created", {"tenant_id": "acme"}, {"app_id": "1", "mode": "chat"})
    time.sleep(0.05)
"""
)
_HANGS = _BROKEN_SINK.replace("raise OSError", "import threading; threading.Event().wait() # ")
_NO_ADDRESS = (
    _BROKEN_SINK.replace(
        "    def close",
        "    def endpoint_of(self, kind):\n        raise RAISED\n    def close",
    )
    .replace("names = {}", "names = {'RAISED': RAISED}")
    .replace("get_gateway().flush(5)", "")
    + """
until_s = time.monotonic() + 20
while not get_gateway().ledger().dropped and time.monotonic() < until_s:
    time.sleep(0.02)
"""
)


def has_no_address(kind: str) -> Mistake:
    """A row of a sink whose `endpoint_of` raises a *kind*."""
    why = (
        rf"sinks = mine: its endpoint_of must return a text: {kind} at"
        rf" /srv/shop/sink\.py:14 in Sink\.endpoint_of < telemetry_actors/life/building\.py:\d+"
        rf" in _place_of"
    )
    lines = (
        (
            rf"the tree can't be started: {why}; trying again; 1 events were lost meanwhile"
            rf" \(parked\)"
        ),
        (
            rf"1 events were not delivered before the process ended \(shutdown 0, unconfirmed 0,"
            rf" parked 1; waited [0-9.]+ s\); the tree couldn't be started: {why}"
        ),
    )
    program = f"RAISED = {kind}('{SECRET}')\n{_NO_ADDRESS}"
    return Mistake(f"a sink without an address: {kind}", lines, program=program)


_ACCEPTED = "return ExportResult(Verdict.ACCEPTED)"
_METRICS_HANG = (
    _BROKEN_SINK.replace(_ACCEPTED, "import threading; threading.Event().wait()")
    .replace(
        "raise OSError", f"from telemetry_actors.ports import ExportResult, Verdict; {_ACCEPTED} # "
    )
    .replace("flush(5)", "flush(1)")
)


def metrics_hang(end: str, stop: str) -> Mistake:
    """A row of a sink whose `export_metrics` hangs when it is *stop* that ends the gateway."""
    line = (
        r"sinks/metrics hangs at .*/srv/shop/sink\.py:12 in Sink\.export_metrics"
        r" < telemetry_actors/sinks/metrics_actor\.py:\d+ in .*;"
        r" metrics were not exported before the stop"
    )
    return Mistake(f"metrics that hang at {end}", (line,), program=_METRICS_HANG + stop)


_RESTARTED = r"it is restarted \(\d of 5 restarts in 10 s are used\)"
_FREE = r"it is restarted \(at no charge, since it had handled messages\)"

CRASHES = (
    Mistake(
        "a mapping that raises",
        (rf"handlers/ticket_sold/handler crashed: {_AT}; {_RESTARTED}",),
        program=f"{_CASE}sell(1)",
    ),
    Mistake(
        "a case that parks",
        (
            rf"handlers/ticket_sold/handler crashed: {_AT}; {_RESTARTED}",
            (
                rf"handlers/ticket_sold is parked: child 'handler': more than 5 restarts in 10 s;"
                rf" last cause: handlers/ticket_sold/handler: {_AT}; its events are refused, and"
                rf" it tries again by itself"
            ),
            (
                rf"handlers/ticket_sold/handler crashed \(5 more in the last minute, left out"
                rf" here\): {_AT}"
            ),
        ),
        environment={"TELEMETRY_ACTORS__SUPERVISION__PARK_PROBE_MIN_S": "60"},
        program=f"{_CASE}sell(100)",
    ),
    Mistake(
        "a sink that raises",
        (
            rf"sinks/logs crashed: {_IN_SINK}; {_FREE}",
            rf"sinks/logs crashed \(1 more in the last minute, left out here\): {_IN_SINK}",
        ),
        program=_BROKEN_SINK,
    ),
    Mistake(
        "a tree that gives up",
        (
            rf"sinks/logs crashed: {_IN_SINK}; {_FREE}",
            rf"sinks/logs crashed \(1 more in the last minute, left out here\): {_IN_SINK}",
            (
                rf"the tree is parked: child 'sinks': more than 0 restarts in 10 s; last cause:"
                rf" sinks/logs: {_IN_SINK}; its events are refused, and it tries again by itself"
            ),
        ),
        environment={
            "TELEMETRY_ACTORS__SUPERVISION__PARK_PROBE_MIN_S": "60",
            "TELEMETRY_ACTORS__SUPERVISION__INTENSITY": "0",
        },
        program=_BROKEN_SINK,
    ),
    Mistake(
        "a sink that returns nothing, for good",
        (
            rf"sinks/logs crashed: {_NO_RESULT}; {_FREE}",
            (
                rf"the tree is parked: child 'sinks': .*; last cause: sinks/logs: {_NO_RESULT};"
                rf" its events are refused, and it tries again by itself"
            ),
            rf"sinks/logs crashed \(\d+ more in the last minute, left out here\): {_NO_RESULT}",
        ),
        program=_WORKS_NEVER,
    ),
    measured("float(1)", r"this counter is declared int \(number=float takes fractions\)"),
    measured("int(-1)", r"a counter takes no negative number"),
    measured("str(1)", r"no int or float"),
    Mistake(
        "a label that is no text",
        (
            (
                r"handlers/ticket_sold/handler crashed: TypeError: the mapping of ticket_sold made"
                r" a measurement that doesn't fit: label seat of shop\.tickets is an object; a text"
                rf" is wanted, at /srv/shop/tickets\.py:11 in to_signals; {_RESTARTED}"
            ),
        ),
        program=f"VALUE = 1\n{_LABEL}",
    ),
    Mistake(
        "a sink that can't say a size",
        (
            (
                r"size_of\(\) of sink mine \(Sink\) returned a NoneType; a count of bytes is"
                r" wanted, at /srv/shop/sink\.py:6 in Sink\.size_of; the record is dropped"
                r" \(encode_error\)"
            ),
        ),
        program=_BROKEN_SINK.replace("return 10", "return None"),
    ),
    Mistake(
        "a sink that hangs at the end",
        (
            (
                r"1 events were not delivered before the process ended \(shutdown 0, unconfirmed 1;"
                r" waited [0-9.]+ s\); sinks/logs hangs at .*/srv/shop/sink\.py:9 in Sink\.export"
                r" < telemetry_actors/sinks/actor\.py:\d+ in .*"
            ),
        ),
        program=_HANGS.replace("flush(5)", "flush(1)"),
    ),
    metrics_hang("the end", ""),
    metrics_hang("a stop", "get_gateway().stop(1)\n"),
    has_no_address("KeyError"),
    has_no_address("SystemExit"),
    Mistake(
        "a trace manager that raises",
        (
            (
                r"trace manager Manager\.add_trace_task raised LookupError at"
                r" /srv/shop/traces\.py:4 in Manager\.add_trace_task"
                r" < telemetry_actors/stages/providers\.py:\d+ in _call;"
                r" that task is lost to it, and no event is"
            ),
        ),
        program=_MANAGER,
    ),
)
