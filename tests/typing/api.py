"""What a type checker says to a user. Checked by mypy with the rest (`make check`); not run.

A line with ``type: ignore[...]`` must be an error of that kind: mypy reports it otherwise
(``warn_unused_ignores``, on for this folder).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import assert_type

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from typing_extensions import TypedDict

from telemetry_actors import (
    Admission,
    CaseDefinition,
    EventFacts,
    Instrument,
    MappingSettings,
    Measurement,
    Signals,
    StopReport,
    TelemetryCase,
    TelemetryContext,
    TelemetryGateway,
    emit,
    register_case,
)
from telemetry_actors.hosts import asgi
from telemetry_actors.payloads import NodeExecutionPayload, ParentTraceContext, WorkflowRunPayload
from telemetry_actors.typed import (
    Emit,
    emit_app_created,
    emit_message_run,
    emit_node_execution,
    emit_workflow_run,
)

CONTEXT = {"tenant_id": "acme"}

# -- payloads that are right ----------------------------------------------------------------------

run = WorkflowRunPayload(workflow_id="w", workflow_run_id="r", status="succeeded")
assert_type(emit(TelemetryCase.WORKFLOW_RUN, CONTEXT, run), Admission)
assert_type(emit_workflow_run(TelemetryContext(tenant_id="acme"), run), Admission)
emit_workflow_run(
    CONTEXT,
    {
        "workflow_id": "w",
        "workflow_run_id": "r",
        "status": "failed",
        "error": None,
        "start_time": "2026-11-20T08:15:30.123456Z",
        "end_time": 1_795_162_540_000_001_000,
        "elapsed_time": 3,
        "inputs": {"anything": [1, None]},
        "parent_trace_context": ParentTraceContext(parent_workflow_run_id="r0"),
    },
    event_id="e1",
)
node: NodeExecutionPayload = {
    "workflow_id": "w",
    "workflow_run_id": "r",
    "node_execution_id": "n",
    "node_id": "llm",
    "node_type": "llm",
    "status": "succeeded",
    "total_price": "0.00045",
}
emit_node_execution({}, node)
emit_message_run({}, {"message_id": "m", "status": "succeeded", "time_to_first_token": 0.25})
emit_app_created({}, {})

# -- payloads that are wrong ----------------------------------------------------------------------

WorkflowRunPayload(workflow_id="w", status="ok")  # type: ignore[typeddict-item]
WorkflowRunPayload(workflow_id=1, workflow_run_id="r", status="ok")  # type: ignore[typeddict-item]
emit_app_created({}, {"mood": "chat"})  # type: ignore[typeddict-unknown-key]
emit_app_created({}, {"mode": 7})  # type: ignore[typeddict-item]
emit_message_run({}, {"message_id": "m"})  # type: ignore[typeddict-item]
emit_message_run({}, run)  # type: ignore[arg-type]
emit_message_run({}, {"message_id": "m", "status": "ok", "start_time": [1]})  # type: ignore[typeddict-item]
emit_workflow_run({}, {**run, "elapsed_time": "3 s"})  # type: ignore[typeddict-item]
emit_app_created("acme", {})  # type: ignore[arg-type]

# -- a case of one's own --------------------------------------------------------------------------


class Shipped(TypedDict):
    order_id: str


class Paid(BaseModel):
    order_id: str


def shipped(facts: EventFacts, payload: Shipped, settings: MappingSettings) -> Signals:
    return Signals()


def paid(facts: EventFacts, payload: Paid, settings: MappingSettings) -> Signals:
    return Signals((facts.log("shop.order.paid", {"shop.order.id": payload.order_id}),))


def define(gateway: TelemetryGateway) -> None:
    """Not called."""
    assert_type(CaseDefinition("order_shipped", Shipped, shipped), CaseDefinition[Shipped])
    assert_type(register_case(CaseDefinition("order_paid", Paid, paid)), CaseDefinition[Paid])
    CaseDefinition("order_paid", Paid, shipped)  # type: ignore[arg-type]
    emit_shipped = Emit[Shipped]("order_shipped")
    emit_shipped({}, {"order_id": "o"}, gateway=gateway)
    emit_shipped({}, {"order": "o"}, gateway=gateway)  # type: ignore[typeddict-item]


# -- instruments ----------------------------------------------------------------------------------

ORDERS = Instrument("shop.orders", "counter", "{order}", number=int)
REVENUE = Instrument("shop.revenue", "counter", "EUR", number=float)
WAIT = Instrument("shop.wait", "histogram", "s", buckets=[0.1, 1, 10])
assert_type(REVENUE.measure(12.5, shop="s1", tenant_id=None), Measurement)
assert_type(ORDERS.measure(), Measurement)
assert_type(ORDERS.measure(2).value, int | float)
assert_type(WAIT.buckets, tuple[float, ...])
REVENUE.measure("12.5")  # type: ignore[arg-type]
Instrument("shop.revenue", "counter", "EUR", number=str)  # type: ignore[arg-type]
Instrument("shop.wait", "histogram", "s", buckets=["1"])  # type: ignore[list-item]


# -- in an event loop -----------------------------------------------------------------------------


@asynccontextmanager
async def own(app: FastAPI) -> AsyncIterator[dict[str, int]]:
    yield {"answer": 42}


async def serve(gateway: TelemetryGateway) -> None:
    """Not called."""
    async with gateway as entered:
        assert_type(entered, TelemetryGateway)
        assert_type(await gateway.aflush(2, own=True), bool)
        await gateway.aflush(2, True)  # type: ignore[call-arg]
    assert_type(await gateway.astop(2.5), StopReport)
    assert_type(asgi.lifespan(), AbstractAsyncContextManager[None])
    FastAPI(lifespan=asgi.lifespan)
    FastAPI(lifespan=asgi.lifespan_of(own))
    app = Starlette(lifespan=asgi.lifespan)
    asgi.wrap(app)
    asgi.wrap(asgi.wrap(FastAPI()))
    asgi.lifespan_of(own(FastAPI()))  # type: ignore[arg-type]
    asgi.wrap("service:app")  # type: ignore[arg-type]
