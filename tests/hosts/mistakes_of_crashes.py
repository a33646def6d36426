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
    r" < telemetry_actors/_definition_check\.py:\d+ in [\w.<>]+"
)
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
    r" < telemetry_actors/sinks/_actor\.py:\d+ in [\w.<>]+"
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
    run = {{"workflow_id": "{SECRET}", "workflow_run_id": "r"}}
    emit("workflow_run", {{"tenant_id": "acme"}}, run, names["Manager"]())
get_gateway().flush(5)
"""
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
                rf"sinks gives up: more than 0 restarts in 10 s; last cause: sinks/logs:"
                rf" {_IN_SINK}"
            ),
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
