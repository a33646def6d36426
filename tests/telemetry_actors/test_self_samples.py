"""Every row of the table has a source, and every source a row."""

import os
from copy import deepcopy
from functools import reduce
from importlib import metadata
from types import NoneType, UnionType
from typing import Union, get_args, get_origin

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel

from telemetry_actors.event.own_metrics import INFO, SELF_METRICS, description_of, is_own
from telemetry_actors.observe._samples import _ROWS, points, samples
from telemetry_actors.observe.status import Status
from telemetry_actors.sinks.resource import resource_attributes
from telemetry_actors.testing import running_gateway

UNITS = {"s", "By"}


def a_status():
    with running_gateway() as (gateway, _):
        gateway.emit("app_created", {"tenant_id": "acme"}, {"app_id": "a"})
        assert gateway.flush(5)
    return gateway.status()


def test_table_and_sources_are_the_same():
    assert list(_ROWS) == [metric.name for metric in SELF_METRICS]


def test_rows_are_well_formed():
    for metric in SELF_METRICS:
        assert is_own(metric.name)
        assert metric.kind in ("counter", "updown_counter", "gauge", "histogram")
        assert metric.unit in UNITS or (metric.unit[0], metric.unit[-1]) == ("{", "}")
        assert metric.description == description_of(metric.name) != ""
        assert len(set(metric.attributes)) == len(metric.attributes)
    assert not is_own("dify.requests.total") and description_of("dify.requests.total") == ""


def test_a_sample_leaves_out_attributes_without_a_value():
    exported = [s for s in samples(a_status()) if s.metric.name == "telemetry_actors.events"]

    assert [dict(s.attributes) for s in exported] == [
        {"telemetry_actors.case": "app_created", "telemetry_actors.outcome": "exported"}
    ]


def test_no_series_comes_twice_and_those_of_one_metric_come_together():
    found = list(points(a_status()))
    names = [point.instrument.name for point in found]
    together = [name for name, before in zip(names, ["", *names], strict=False) if name != before]

    assert len({(p.instrument, p.label_keys, p.label_values) for p in found}) == len(found)
    assert len(set(together)) == len(together)


def test_who_speaks_is_one_line_for_prometheus():
    """And no point: OTLP has the same in the resource, and the version in the scope."""
    status = a_status()
    (line,) = [
        sample
        for family in text_string_to_metric_families(status.to_prometheus())
        for sample in family.samples
        if sample.name == "telemetry_actors_info"
    ]

    resource = resource_attributes(None, environ={})
    assert line.value == 1
    assert line.labels == {
        "telemetry_actors_version": metadata.version("telemetry-actors"),
        "process_pid": str(os.getpid()),
        "service_instance_id": str(resource["service.instance.id"]),
        "process_runtime_version": str(resource["process.runtime.version"]),
    }
    assert INFO not in {point.instrument.name for point in points(status)}


# -- each number of the status is here, too -----------------------------------------------------

NOT_HERE = {
    "restarts": "telemetry_actors.restarts has them by part",
    "tree.incarnation": "restarts, and one",
    "mailboxes.overdue_s": "telemetry_actors.overdue has the most of any",
    "pressure.oldest_age_s": "the most of telemetry_actors.queue.oldest_age",
    "pressure.refused_tenants.refused": "of a tenant; all are in telemetry_actors.admissions",
    "sinks.failures": "the requests of telemetry_actors.sink.request.duration with error.type",
    "sinks.breaker.since": "a time, not an amount",
    "sinks.last_failures.time": "of one request; see telemetry_actors.sink.request.duration",
    "sinks.last_failures.status_code": "of one request",
    "sinks.last_failures.rpc_code": "of one request",
    "sinks.last_failures.rejected": "of one request; all are in otel.sdk.exporter.*.exported",
    "dedup.hits": "of the store; telemetry_actors.dedup.hits is what the books have",
    "dedup_ids": "dedup.ids, once more",
    "dead_letters.emitted_at": "of one event",
    "dead_letters.payload_bytes": "of one event",
    "since": "the start of each point",
    "now": "the time of each point",
    "parkings.since": "a time, not an amount",
    "parkings.refused": "the last time alone; all are in telemetry_actors.admissions",
    "parkings.dropped": "the last time alone; all are in telemetry_actors.events",
}
"""Why they are not."""
WORDS = {
    "sinks.kind": "logs",
    "sinks.part": "sinks/logs",
    "mailboxes.path": "sinks/logs",
    "tree.path": "stages/dedup",
    "dedup.store": "redis",
}


def filled(annotation, path):
    """A value of *annotation* in which nothing is empty, as JSON has it."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(one for one in get_args(annotation) if one is not NoneType)
    if get_origin(annotation) is list:
        return [filled(get_args(annotation)[0], path)]
    if get_origin(annotation) is dict:
        return {"x": filled(get_args(annotation)[1], path)}
    if issubclass(annotation, BaseModel):
        return {
            name: filled(field.annotation, f"{path}.{name}".strip("."))
            for name, field in annotation.model_fields.items()
        }
    return {int: 3, float: 0.5, bool: True, str: WORDS.get(path, "x")}[annotation]


def places(value, way=()):
    """The ways to all numbers in *value*, yes and no among them."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from places(inner, (*way, key))
    elif isinstance(value, int | float):
        yield way


def said(plain):
    """All samples of a status, histograms and all."""
    return list(samples(Status.model_validate(plain)))


WHOLE = filled(Status, "")
WAYS = {
    ".".join(key for key in way if type(key) is str and key != "x"): way for way in places(WHOLE)
}


@pytest.mark.parametrize("name", WAYS)
def test_each_number_of_the_status_is_a_metric_or_an_exception_with_its_reason(name):
    """Let one be another: does anything that is exported change?"""
    changed = deepcopy(WHOLE)
    *above, last = WAYS[name]
    place = reduce(lambda inner, key: inner[key], above, changed)
    place[last] = not place[last] if type(place[last]) is bool else place[last] + 1000

    assert (said(changed) == said(WHOLE)) is (name in NOT_HERE)


def test_the_exceptions_are_numbers_of_the_status():
    assert set(NOT_HERE) < set(WAYS)
    assert len(WAYS) > 100


def test_every_metric_has_a_sample_when_nothing_is_off():
    """But those of sinks of other kinds."""
    others = {"bridge", "span", "metric_data_point", "metric_reader"}
    absent = {metric.name for metric in SELF_METRICS} - {s.metric.name for s in said(WHOLE)}

    assert [name for name in absent if not others & set(name.split("."))] == []
