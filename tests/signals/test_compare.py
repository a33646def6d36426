"""The comparison finds each way in which a vector may not be so: it is what we are judged by."""

import copy
from functools import cache

import pytest

from telemetry_actors.event.signals import Instrument
from telemetry_actors.ports import MetricPoint
from tests.signals.compare import differences
from tests.signals.replay import replay, run
from tests.signals.vectors import SAMPLE, form_problems, read_vectors

VECTORS = {vector["id"]: vector for vector in read_vectors(SAMPLE)}
RUN, FEEDBACK, RETRIEVAL = "workflow_run-01", "feedback_created-01", "dataset_retrieval-07"
MODERATION, INVALID, TOOL = "moderation_check-01", "moderation_check-09", "tool_execution-01"


@cache
def emitted(vector_id):
    return run(VECTORS[vector_id])


def found(vector_id, change, **of_emitted):
    """What differs when the vector is changed, or what was emitted."""
    vector = copy.deepcopy(VECTORS[vector_id])
    change(vector["expect"])
    assert form_problems(vector) == []
    return {d.what for d in differences(vector, emitted(vector_id)._replace(**of_emitted))}


def nothing(expect):
    pass


def put(value, *path):
    """A change: *value* at *path*."""

    def change(expect):
        *above, last = path
        for key in above:
            expect = expect[key]
        expect[last] = value

    return change


LOG = "logs dify.workflow.run"
SPAN = "spans dify.workflow.run"


@pytest.mark.parametrize("vector_id", [RUN, FEEDBACK, RETRIEVAL, MODERATION, INVALID, TOOL])
def test_unchanged_it_agrees(vector_id):
    assert found(vector_id, nothing) == set()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (put("not_eligible", "admission"), "admission"),
        (put("legacy_dropped", "admission"), "admission"),
        (lambda e: e["logs"].pop(), LOG),
        (lambda e: e["spans"].pop(), SPAN),
        (lambda e: e["logs"].append(e["logs"][0]), LOG),
        (lambda e: e["spans"].append(e["spans"][0]), SPAN),
        (put("dify.other", "logs", 0, "event_name"), "logs dify.other"),
        (put("dify.other", "logs", 0, "event_name"), LOG),
        (put("dify.other", "spans", 0, "name"), SPAN),
        (put("x", "logs", 0, "attributes", "dify.workflow.id"), f"{LOG}: dify.workflow.id"),
        (put("x", "logs", 0, "attributes", "dify.more"), f"{LOG}: dify.more"),
        (put("x", "spans", 0, "attributes", "dify.more"), f"{SPAN}: dify.more"),
        (put(None, "logs", 0, "attributes", "dify.app_id"), f"{LOG}: dify.app_id"),
        (put("150", "logs", 0, "attributes", "gen_ai.usage.total_tokens"), "tokens"),
        (put(3.9 + 1e-7, "logs", 0, "attributes", "dify.workflow.elapsed_time"), "elapsed"),
        (put(["dify.app_id"], "logs", 0, "absent"), f"{LOG}: dify.app_id"),
        (put(["dify.app_id"], "spans", 0, "absent"), f"{SPAN}: dify.app_id"),
        (put(None, "logs", 0, "trace_id"), f"{LOG}: trace_id"),
        (put("00" * 8, "logs", 0, "span_id"), f"{LOG}: span_id"),
        (put("00" * 16, "spans", 0, "trace_id"), f"{SPAN}: trace_id"),
        (put("00" * 8, "spans", 0, "parent_span_id"), f"{SPAN}: parent_span_id"),
        (put("$any", "spans", 0, "parent_span_id"), f"{SPAN}: parent_span_id"),
        (put("ERROR", "spans", 0, "status"), f"{SPAN}: status"),
        (put("boom", "spans", 0, "status_description"), f"{SPAN}: status_description"),
        (put(1, "spans", 0, "start_ns"), f"{SPAN}: start_ns"),
        (put("$emitted_at", "spans", 0, "end_ns"), f"{SPAN}: end_ns"),
        (put("$emitted_at_minus_elapsed", "spans", 0, "start_ns"), f"{SPAN}: start_ns"),
        (put(["Support desk"], "forbid_text"), "forbid_text"),
        (put(["dify.workflow.query"], "forbid_text"), "forbid_text"),
        (put(["succeeded"], "forbid_text"), "forbid_text"),
    ],
)
def test_a_wrong_record_is_found(change, what):
    shown = {"tokens": f"{LOG}: gen_ai.usage.total_tokens"}
    shown["elapsed"] = f"{LOG}: dify.workflow.elapsed_time"

    assert shown.get(what, what) in found(RUN, change)


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        (lambda e: e["metrics"].pop(), "}"),
        (lambda e: e["metrics"][0]["attributes"].pop("app_id"), "}"),
        (put("", "metrics", 0, "attributes", "more"), "}"),
        (put("x", "metrics", 0, "attributes", "tenant_id"), "}"),
        (put("dify.more", "metrics", 0, "name"), "}"),
        (put(149, "metrics", 0, "value"), ": value"),
        (put("{request}", "metrics", 0, "unit"), ": unit"),
        (put(2, "metrics", -1, "count"), ": count"),
        (put(3.9, "metrics", -1, "sum"), ": sum"),
        (lambda e: e["metrics"].append(e["metrics"][0]), "}"),
    ],
)
def test_a_wrong_measurement_is_found(change, ending):
    differing = found(RUN, change)

    assert differing
    assert all(what.startswith("metrics dify.") and what.endswith(ending) for what in differing)


def test_a_counter_is_no_histogram():
    def change(expect):
        del expect["metrics"][0]["value"]
        expect["metrics"][0] |= {"kind": "histogram", "count": 1, "sum": 150}

    endings = {what.rpartition(": ")[2] for what in found(RUN, change)}
    assert endings == {"kind", "value", "count", "sum"}


def test_a_measurement_too_many_is_found_and_one_of_our_own_is_not():
    def a_point(name):
        return MetricPoint(Instrument(name, "counter", "1"), (), (), 0, 0, 1)

    more = [*emitted(RUN).points, a_point("telemetry_actors.events")]
    assert found(RUN, nothing, points=more) == set()
    assert found(RUN, nothing, points=[*more, a_point("dify.more")]) == {"metrics dify.more {}"}


# --- values ---------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [1, 1.0, "true", False, None])
def test_true_is_nothing_but_true(wrong):
    attribute = put(wrong, "logs", 0, "attributes", "dify.moderation.flagged")

    assert found(MODERATION, attribute) == {"logs dify.moderation.check: dify.moderation.flagged"}


def test_true_is_not_expected_where_1_came_out():
    attribute = put(True, "logs", 0, "attributes", "dify.retrieval.document_count")

    assert found(RETRIEVAL, attribute)


@pytest.mark.parametrize(("value", "differs"), [(3, False), (3.0, False), (3.1, True), ("3", True)])
def test_numbers_are_equal_whatever_their_type(value, differs):
    attribute = put(value, "logs", 0, "attributes", "dify.retrieval.document_count")

    assert bool(found(RETRIEVAL, attribute)) is differs


@pytest.mark.parametrize(("more", "differs"), [(1e-10, False), (1e-7, True)])
def test_floats_are_compared_to_1e_9(more, differs):
    attribute = put(3.876542 + more, "logs", 0, "attributes", "dify.retrieval.duration")

    assert bool(found(RETRIEVAL, attribute)) is differs


@pytest.mark.parametrize(
    ("value", "differs"),
    [
        ({"$json": ["ds-1"]}, False),
        ({"$json": ["ds-1", "ds-2"]}, True),
        ({"$json": "ds-1"}, True),
        ('["ds-1"]', False),
        ('[ "ds-1" ]', True),
    ],
)
def test_json_text_is_compared_as_what_it_says(value, differs):
    attribute = put(value, "logs", 0, "attributes", "dify.dataset.id")

    assert bool(found(RETRIEVAL, attribute)) is differs


def test_what_is_no_json_text_is_no_json():
    for key in ("dify.app.name", "dify.retrieval.duration", "dify.more"):
        assert found(RETRIEVAL, put({"$json": 3.876542}, "logs", 0, "attributes", key))


def test_null_is_a_key_that_is_null_or_missing():
    assert found(RUN, put(None, "logs", 0, "attributes", "dify.more")) == set()


def test_an_event_id_is_the_envelopes():
    assert "logs dify.feedback.created: dify.event.id" in found(FEEDBACK, nothing, event_id="x")
    assert "logs dify.feedback.created: dify.event.id" in found(FEEDBACK, nothing, event_id="")


def test_an_emit_time_that_is_a_processing_time_is_found():
    later = {k: getattr(emitted(FEEDBACK), k) - 10**9 for k in ("before_ns", "after_ns")}

    assert found(FEEDBACK, nothing, **later) == {
        "logs dify.feedback.created: dify.feedback.created_at",
        "logs dify.feedback.created: the record's own time",
    }


@pytest.mark.parametrize("key", ["dify.feedback.rating", "dify.more", "dify.event.id"])
def test_what_is_no_instant_is_no_emit_time(key):
    assert found(FEEDBACK, put("$emitted_at", "logs", 0, "attributes", key))


def test_the_id_of_the_span_needs_one_span():
    change = put("$span", "logs", 0, "span_id")

    assert found(RUN, change) == set()
    assert "logs dify.workflow.run: span_id" in found(RUN, change, spans=[])


def test_any_id_will_do_but_zero():
    span = emitted(RUN).spans[0]
    change = put("$any", "spans", 0, "span_id")

    assert found(RUN, change) == set()
    assert found(RUN, change, spans=[span._replace(span_id=bytes(8))]) >= {f"{SPAN}: span_id"}


def test_a_span_from_an_elapsed_time():
    vector = copy.deepcopy(VECTORS[RUN])
    del vector["payload"]["start_time"], vector["payload"]["end_time"]
    span = vector["expect"]["spans"][0]
    span |= {"start_ns": "$emitted_at_minus_elapsed", "end_ns": "$emitted_at"}
    vector["expect"]["metrics"][-1]["sum"] = 3.9

    assert replay(vector) == []


def test_an_invalid_payload_may_be_refused_at_either_stage_but_not_taken():
    for how in ({"admission": "invalid", "dropped": {}}, {"dropped": {"invalid_payload": 1}}):
        assert found(INVALID, nothing, **how) == set()
    for dropped in ({}, {"handler_crash": 1}):
        assert found(INVALID, nothing, dropped=dropped) == {"outcome"}


def test_text_is_looked_for_everywhere():
    log, span = emitted(RUN).logs[0], emitted(RUN).spans[0]
    secret = put(["SECRET"], "forbid_text")

    assert "forbid_text" in found(
        RUN, secret, logs=[log._replace(values=("SECRET",) * len(log.keys))]
    )
    assert "forbid_text" in found(RUN, secret, spans=[span._replace(error="my SECRET")])
    point = emitted(RUN).points[0]
    labelled = point._replace(label_values=("SECRET",) * len(point.label_keys))
    assert "forbid_text" in found(RUN, secret, points=[labelled])


# --- the form -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (put(1, "expect", "more"), "expect.more"),
        (put(1, "more"), "more"),
        (put(1, "settings", "more"), "settings.more"),
        (put(1, "expect", "logs", 0, "more"), "expect.logs[0].more"),
        (put(1, "expect", "spans", 0, "links"), "expect.spans[0].links"),
        (put(1, "expect", "metrics", 0, "more"), "expect.metrics[0].more"),
        (put(1, "expect", "metrics", 0, "sum"), "expect.metrics[0].sum"),
        (put("gauge", "expect", "metrics", 0, "kind"), "expect.metrics[0].kind"),
        (put(7, "expect", "metrics", 0, "attributes", "k"), "expect.metrics[0].attributes"),
        (put("refused", "expect", "admission"), "expect.admission"),
        (put([7], "expect", "forbid_text"), "expect.forbid_text"),
        (put([7], "expect", "logs", 0, "absent"), "expect.logs[0].absent"),
        (put("OK", "expect", "spans", 0, "status"), "expect.spans[0].status"),
        (put("$now", "expect", "spans", 0, "end_ns"), "expect.spans[0].end_ns"),
        (put("$any", "expect", "logs", 0, "span_id"), "expect.logs[0].span_id"),
        (put("$span", "expect", "spans", 0, "span_id"), "expect.spans[0].span_id"),
        (put("$new", "expect", "logs", 0, "attributes", "k"), "expect.logs[0].attributes.k"),
        (put({"$re": "x"}, "expect", "logs", 0, "attributes", "k"), "expect.logs[0].attributes.k"),
        (put([1], "expect", "spans", 0, "attributes", "k"), "expect.spans[0].attributes.k"),
        (put("yes", "settings", "enterprise"), "settings.enterprise"),
        (put(1, "settings", "include_content"), "settings.include_content"),
        (put(True, "settings", "sampling_rate"), "settings.sampling_rate"),
        (put([], "payload"), "payload"),
        (lambda v: v.pop("settings"), "settings"),
        (lambda v: v["expect"].pop("metrics"), "expect.metrics"),
        (lambda v: v["expect"]["logs"].append(7), "expect.logs[1]"),
        (lambda v: v["expect"]["spans"].append(7), "expect.spans[1]"),
        (put(7, "expect", "metrics", 0), "expect.metrics[0]"),
    ],
)
def test_what_cannot_be_compared_is_an_error_that_names_it(change, what):
    vector = copy.deepcopy(VECTORS[RUN])
    change(vector)

    assert [difference.what for difference in replay(vector)] == [f"form: {what}"]


def test_text_that_only_looks_like_a_marker_is_text():
    vector = copy.deepcopy(VECTORS[RUN])
    vector["payload"]["version"] = "$5 a month"
    vector["expect"]["logs"][0]["attributes"]["dify.workflow.version"] = "$5 a month"

    assert replay(vector) == []
