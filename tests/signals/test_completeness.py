"""Every name of the reference comes out of some event, and nothing comes out but those.

An instrument without a living producer is how counters vanish unnoticed (signals.md 10.1).
"""

from functools import cache

import pytest

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.signals import Signals
from telemetry_actors.handlers import DEFINITIONS, EventFacts, rehydration_failed
from telemetry_actors.handlers import INSTRUMENTS as OURS
from telemetry_actors.handlers._records import degraded
from tests.signals.events import CONTEXT, every_event
from tests.signals.reference import CASES, EVENTS, INSTRUMENTS, ON_DEGRADED, ON_UNREADABLE, SERIES
from tests.signals.replay import run

SETTINGS = {"include_content": True, "enterprise": True, "gateway_enabled": True}


@cache
def emitted(case):
    """All that the events of *case* lead to, through a real tree."""
    vectors = [
        {"case": case, "settings": {**SETTINGS, "sampling_rate": 1.0}, "context": CONTEXT}
        | {"payload": payload}
        for event_case, payload in every_event()
        if event_case == case
    ]
    return [run(vector) for vector in vectors]


def series(points):
    for point in points:
        labels = dict(zip(point.label_keys, point.label_values, strict=True))
        yield point.instrument.name, labels.get("type", ""), frozenset(labels)


def test_the_table_has_every_case():
    assert set(CASES) == set(TelemetryCase)


@pytest.mark.parametrize("case", CASES)
def test_its_events_name_exactly_what_the_reference_lists(case):
    reference = EVENTS[case]
    logs = [log for one in emitted(case) for log in one.logs]

    assert {(log.event_name, log.signal) for log in logs} == {reference[:2]}
    assert {key for log in logs for key in log.attributes} == reference.on_log


@pytest.mark.parametrize("case", CASES)
def test_its_spans_name_exactly_what_the_reference_lists(case):
    reference = EVENTS[case]
    spans = [span for one in emitted(case) for span in one.spans]

    assert {key for span in spans for key in span.attributes} == reference.on_span
    assert {span.name for span in spans} == ({reference.name} if reference.on_span else set())


@pytest.mark.parametrize("case", CASES)
def test_it_measures_exactly_what_the_reference_lists(case):
    assert {one for e in emitted(case) for one in series(e.points)} == SERIES[case]


def test_every_instrument_has_a_producer_and_its_unit():
    points = [point for case in CASES for one in emitted(case) for point in one.points]

    assert {point.instrument[:3] for point in points} == INSTRUMENTS
    assert {instrument[:3] for instrument in OURS} == INSTRUMENTS
    assert {(i.kind, i.number, i.buckets) for i in OURS} == {
        ("counter", int, ()),
        ("histogram", float, ()),
    }


@pytest.mark.parametrize("case", CASES)
def test_what_a_case_says_that_it_can_make_is_what_the_reference_lists(case):
    emits, reference = DEFINITIONS[case].emits, EVENTS[case]

    assert (emits.log.name, emits.log.signal) == reference[:2]
    assert set(emits.log.keys) == reference.on_log
    assert set(emits.span_keys) == reference.on_span
    assert emits.log.gated == reference.gated
    declared = {(m.instrument.name, m.type, frozenset(m.label_keys)) for m in emits.metrics}
    assert declared == SERIES[case]


def test_the_rehydration_diagnostic_has_its_own_names():
    log = rehydration_failed(EventFacts("e", "t", 0, 0, {}), "message_run")

    assert (log.event_name, log.signal) == EVENTS["-"][:2]
    assert set(log.attributes) == EVENTS["-"].on_log


@pytest.mark.parametrize("case", CASES)
def test_a_degraded_event_has_one_name_more_on_its_log_and_on_its_span(case):
    whole = [one for one in emitted(case) if one.logs]
    for one in whole:
        marked = degraded(Signals(tuple(one.logs), tuple(one.spans)))
        for signal, before in zip(
            (*marked.logs, *marked.spans), (*one.logs, *one.spans), strict=True
        ):
            assert signal.attributes == {**before.attributes, ON_DEGRADED: True}


@pytest.mark.parametrize("case", CASES)
def test_an_event_with_an_unreadable_key_has_one_name_more(case):
    vector = {"case": case, "settings": {**SETTINGS, "sampling_rate": 1.0}, "context": CONTEXT}
    payload = next(payload for event_case, payload in every_event() if event_case == case)
    seen = run(vector | {"payload": payload | {"tenant_id": [], "app_id": 1.5}})

    assert {log.attributes[ON_UNREADABLE] for log in seen.logs} == {"tenant_id, app_id"}
    assert all(ON_UNREADABLE in span.attributes for span in seen.spans)
