"""Every row of the table has a source, and every source a row."""

from telemetry_actors._self_metrics import SELF_METRICS, description_of, is_own
from telemetry_actors._self_samples import _ROWS, points, samples
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
