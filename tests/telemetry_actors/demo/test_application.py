"""The simulated application makes every case, for several tenants, from a seed."""

import json
from collections import Counter
from itertools import islice

from telemetry_actors.demo.application import Application
from telemetry_actors.event.cases import CASE_ROUTING
from telemetry_actors.handlers import DEFINITIONS

NOW_NS = 1_795_000_000_000_000_000


def events(count, seed=0):
    return list(islice(Application(seed=seed, start_ns=NOW_NS).events(), count))


def test_every_case_for_several_tenants():
    made = events(4000)

    cases = Counter(e.case for e in made)
    assert set(cases) == set(CASE_ROUTING)
    assert min(cases.values()) >= 10
    assert len({e.context["tenant_id"] for e in made}) == 4


def test_few_events_hold_many_cases_too():
    assert len({e.case for e in events(20)}) >= 4
    assert len({e.case for e in events(400)}) == 14


def test_every_event_is_one_that_its_handler_takes():
    for event in events(2000):
        DEFINITIONS[event.case].validate(event.payload)


def test_a_seed_gives_the_same_events():
    assert events(300, seed=3) == events(300, seed=3)
    assert events(300, seed=3) != events(300, seed=4)


def test_no_id_is_made_twice():
    nodes = [e.payload["node_execution_id"] for e in events(2000) if e.case == "node_execution"]

    assert len(set(nodes)) == len(nodes)


def test_some_turns_fail_and_some_run_another_workflow():
    runs = [e.payload for e in events(2000) if e.case == "workflow_run"]

    assert {r["status"] for r in runs} == {"succeeded", "failed"}
    assert any(r["error"] for r in runs if r["status"] == "failed")
    nested = [r for r in runs if "parent_trace_context" in r]
    ids = {r["workflow_run_id"] for r in runs}
    assert nested
    assert {r["parent_trace_context"]["parent_workflow_run_id"] for r in nested[:-1]} <= ids


def test_times_go_forward_and_ends_follow_starts():
    spans = [e.payload for e in events(500) if "start_time" in e.payload]

    assert all(s["start_time"] <= s["end_time"] for s in spans)
    assert all(s["start_time"] >= NOW_NS for s in spans)


def test_there_is_content_to_gate_in_it():
    gated = {case.value: route.gated for case, route in CASE_ROUTING.items()}

    for event in events(200):
        if gated[event.case]:
            assert any(event.payload.get(key) for key in gated[event.case])


def test_payloads_are_plain_json():
    for event in events(300):
        assert json.loads(json.dumps(event.payload)) == event.payload
