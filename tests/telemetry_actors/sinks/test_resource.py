"""Who sends: the resource of this process."""

import os
import socket
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import OTELResourceDetector

from telemetry_actors.sinks._resource import (
    environment_attributes,
    instance_id,
    resource_attributes,
)
from tests.forks import as_in_a_child


def test_says_which_process_sends():
    """The four of the architecture."""
    attributes = resource_attributes("dify", environ={})

    assert set(attributes) == {
        "service.name", "host.name", "service.instance.id", "process.pid",
    }  # fmt: skip
    assert attributes["service.name"] == "dify"
    assert attributes["host.name"] == socket.gethostname()
    assert attributes["process.pid"] == os.getpid()
    assert uuid.UUID(str(attributes["service.instance.id"])).version == 4


def test_the_environment_adds_to_it():
    """Its own attributes, and its name of the host; who we are stays ours."""
    text = "deployment.environment=prod%20eu,host.name=pod-7,service.name=x,process.pid=1"
    attributes = resource_attributes("dify", environ={"OTEL_RESOURCE_ATTRIBUTES": text})

    assert attributes["deployment.environment"] == "prod eu"
    assert attributes["host.name"] == "pod-7"
    assert (attributes["service.name"], attributes["process.pid"]) == ("dify", os.getpid())


def test_the_caller_has_the_last_word():
    """None takes an attribute away."""
    attributes = resource_attributes(
        "dify", environ={}, extra={"host.name": None, "service.name": "mine", "build": 7}
    )

    assert "host.name" not in attributes
    assert (attributes["service.name"], attributes["build"]) == ("mine", 7)


def test_the_instance_id_is_the_process_s():
    """One for all sinks of a process, another for another process."""
    mine = instance_id()
    with as_in_a_child():
        assert instance_id() == instance_id() != mine


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(st.text("ab%2C3=, \t.é", max_size=30).filter(lambda text: "\0" not in text))
def test_the_environment_is_read_as_opentelemetry_reads_it(text):
    """Compared with the SDK's own detector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
        expected = dict(OTELResourceDetector().detect().attributes)

    assert environment_attributes(text) == {k: v for k, v in expected.items() if k}
