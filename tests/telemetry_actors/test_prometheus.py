"""Prometheus' text, as a parser reads it that isn't ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from telemetry_actors.event.own_metrics import SelfMetric
from telemetry_actors.observe._models import TimingStatus
from telemetry_actors.observe._prometheus import exposition, prometheus_name
from telemetry_actors.observe._samples import Sample

COUNTER = SelfMetric("a.b", "counter", "{event}", ("x.y",), 'Says "what"\nit \\is')
GAUGE = SelfMetric("a.age", "gauge", "s", (), "How old")
TIMES = SelfMetric("a.duration", "histogram", "s", ("x.y",), "How long")


def read(*samples):
    return list(text_string_to_metric_families(exposition(samples)))


def test_a_counter():
    (family,) = read(Sample(COUNTER, (("x.y", "z"),), 7), Sample(COUNTER, (), 2**60))

    assert (family.name, family.type) == ("a_b", "counter")
    assert family.documentation == 'Says "what"\nit \\is'
    assert [(s.name, s.labels, s.value) for s in family.samples] == [
        ("a_b_total", {"x_y": "z"}, 7),
        ("a_b_total", {}, 2**60),
    ]


def test_a_gauge_has_its_unit_in_its_name():
    (family,) = read(Sample(GAUGE, (), 1.5))

    assert (family.name, family.type, family.samples[0].value) == ("a_age_seconds", "gauge", 1.5)


def test_a_histogram_has_cumulative_buckets_and_one_for_all():
    timing = TimingStatus(bounds_s=[0.5, 1.0], counts=[1, 0, 2], total_s=9.25)
    (family,) = read(Sample(TIMES, (("x.y", "z"),), timing))

    assert (family.name, family.type) == ("a_duration_seconds", "histogram")
    assert [(s.name[19:], s.labels.get("le"), s.value) for s in family.samples] == [
        ("bucket", "0.5", 1),
        ("bucket", "1", 1),
        ("bucket", "+Inf", 3),
        ("sum", None, 9.25),
        ("count", None, 3),
    ]


@given(st.text())
def test_any_text_is_a_label(text):
    """Quotes, backslashes, line ends: what is read is what was written."""
    (family,) = read(Sample(COUNTER, (("x.y", text),), 1))

    assert family.samples[0].labels == {"x_y": text}


@pytest.mark.parametrize(
    ("name", "kind", "unit", "there"),
    [
        ("a.b", "counter", "{x}", "a_b_total"),
        ("a.b", "counter", "s", "a_b_seconds_total"),
        ("a.b", "updown_counter", "By", "a_b_bytes"),
        ("a.bytes.b", "gauge", "By", "a_bytes_b"),
        ("a.b-c", "gauge", "{x}", "a_b_c"),
    ],
)
def test_names_follow_the_rules(name, kind, unit, there):
    assert prometheus_name(SelfMetric(name, kind, unit, (), "")) == there
