"""Workflows within workflows, as third parties see them: the right tree, and logs that hang in it.

run 1                       trace: run 1's, all the way down
`- node 1
`- run 2                 started by node 1
`- node 2
`- run 3           started by node 2
|- node 3
`- node 4       failed
draft                       a root of its own, in its run's trace
"""

import uuid

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.handlers import DEFINITIONS
from tests.receivers._collector import SeenLog, SeenSpan
from tests.receivers.oteltap import OtelTap
from tests.receivers.phoenix import Phoenix, phoenix_command
from tests.receivers.rotel import Rotel

RUN, NODE, DRAFT = "dify.workflow.run", "dify.node.execution", "dify.node.execution.draft"
TENANT = {"tenant_id": "acme", "app_id": "a1"}
BEGAN_NS = 1_795_162_530_000_000_000
IDS = {
    name: uuid.uuid5(uuid.NAMESPACE_URL, name)
    for name in ("run1", "run2", "run3", "node1", "node2", "node3", "node4", "draft", "draft-run")
}


def started_by(run, node):
    """What a run that a node has started is told, and tells its own nodes."""
    return {
        "parent_workflow_run_id": str(IDS[run]),
        "parent_node_execution_id": str(IDS[node]),
        "root_workflow_run_id": str(IDS["run1"]),
    }


def timed(second, until):
    times = {"start_time": BEGAN_NS + second * 10**9, "end_time": BEGAN_NS + until * 10**9}
    return {"workflow_id": "w", "status": "succeeded", **times}


def a_run(run, second, until, parent=None):
    payload = {**timed(second, until), "workflow_run_id": str(IDS[run])}
    return "workflow_run", payload | ({"parent_trace_context": parent} if parent else {})


def a_node(node, run, second, until, parent=None, **more):
    payload = {
        **timed(second, until),
        "workflow_run_id": str(IDS[run]),
        "node_execution_id": str(IDS[node]),
        "node_id": f"id of {node}",
        "node_type": "tool",
        **more,
    }
    return "node_execution", payload | ({"parent_trace_context": parent} if parent else {})


SECOND, THIRD = started_by("run1", "node1"), started_by("run2", "node2")
EVENTS = [  # in the order in which they end, the innermost first
    a_node("node3", "run3", 3, 4, THIRD),
    a_node("node4", "run3", 4, 5, THIRD, status="failed", error="no such tool"),
    a_run("run3", 3, 5, THIRD),
    a_node("node2", "run2", 2, 6, SECOND),
    a_run("run2", 2, 6, SECOND),
    a_node("node1", "run1", 1, 7),
    a_run("run1", 0, 8),
]
PLACES = {  # name, whose trace, whose span, whose child
    "run1": (RUN, "run1", "run1", None),
    "node1": (NODE, "run1", "node1", "run1"),
    "run2": (RUN, "run1", "run2", "node1"),
    "node2": (NODE, "run1", "node2", "run2"),
    "run3": (RUN, "run1", "run3", "node2"),
    "node3": (NODE, "run1", "node3", "run3"),
    "node4": (NODE, "run1", "node4", "run3"),
}
if "draft_node_execution" in DEFINITIONS:
    _, draft = a_node("draft", "draft-run", 0, 1, SECOND)  # a parent has no effect there
    EVENTS.append(("draft_node_execution", draft))
    PLACES["draft"] = (DRAFT, "draft-run", "draft", None)


def low(name):
    """The span id: the low 64 bits."""
    return IDS[name].hex[16:] if name else ""


SPANS = {
    SeenSpan(name, IDS[trace].hex, low(own), low(parent))
    for name, trace, own, parent in PLACES.values()
}
LOGS = {SeenLog(span.name, span.trace_id, span.span_id) for span in SPANS}


def send(receiver):
    """All events into *receiver*; the books after it."""
    settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=receiver.endpoint)
    with TelemetryGateway(settings) as gateway:
        for case, payload in EVENTS:
            assert gateway.emit(case, TENANT, payload)
        gateway.flush(10)
        return gateway.ledger()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [Rotel, OtelTap], ids=["rotel", "oteltap"])
def test_runs_within_runs_arrive_as_one_tree_with_the_logs_of_their_spans(tmp_path, kind):
    with kind(tmp_path) as receiver:
        ledger = send(receiver)
        receiver.stop()
        spans, logs = receiver.spans(), receiver.logs()

    assert ledger.exported == len(EVENTS) and ledger.balanced()
    assert len(spans) == len(logs) == len(EVENTS)
    assert set(spans) == SPANS
    assert set(logs) == LOGS


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(phoenix_command() is None, reason="arize-phoenix is not installed")
def test_phoenix_shows_runs_within_runs_as_one_tree(tmp_path):
    """It takes traces alone: each log is refused, and so its event, whose span is there."""
    with Phoenix(tmp_path) as phoenix:
        ledger = send(phoenix)
        phoenix.wait_until(lambda spans: len(spans) >= len(EVENTS))
        spans, received = phoenix.spans(), phoenix.received()

    assert len(spans) == len(EVENTS)
    assert set(spans) == SPANS
    failed = [span for span in received if span["status_code"] == "ERROR"]
    assert [span["status_message"] for span in failed] == ["no such tool"]
    assert ledger.signals.spans.exported == len(EVENTS)
    assert ledger.dropped == {"rejected": len(EVENTS)} and ledger.balanced()
