"""The page of own metrics is what the table says, and every attribute is explained."""

import re

from telemetry_actors.event.own_metrics import ATTRIBUTES, SELF_METRICS
from telemetry_actors.observe._prometheus import prometheus_name
from tests.docs.self_telemetry import PAGE, page


def test_the_page_is_current():
    """If not: ``python -m tests.docs.self_telemetry``."""
    assert PAGE.read_text() == page()


def test_every_attribute_is_explained_and_none_besides():
    assert {key for metric in SELF_METRICS for key in metric.attributes} == set(ATTRIBUTES)
    assert [key for key in ATTRIBUTES if f"| `{key}` |" not in page()] == []


def test_no_two_metrics_are_one_for_prometheus():
    names = [prometheus_name(metric) for metric in SELF_METRICS]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert all(
        name.endswith("_total") is (m.kind == "counter")
        for name, m in zip(names, SELF_METRICS, strict=True)
    )


def test_no_attribute_names_a_tenant_a_user_or_an_event():
    keys = {key for metric in SELF_METRICS for key in metric.attributes}

    assert not [key for key in keys if re.search("tenant|user|event|app", key)]
