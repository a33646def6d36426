"""One line for each record, readable, and never more than a line."""

import io

import pytest

from telemetry_actors.event.signals import Instrument, LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import MetricPoint, Sink, Verdict
from telemetry_actors.sinks import ConsoleSink

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS


def a_log(**attributes):
    keys = tuple(name.replace("__", ".") for name in attributes)
    return LogSignal("dify.app.created", "x", keys, tuple(attributes.values()), b"", b"", 1, 2)


def a_span(error=None):
    keys, values = ("dify.tenant_id", "dify.node.status"), ("acme", "succeeded")
    return SpanSignal(
        "dify.workflow.run", b"t" * 16, b"s" * 8, b"", 0, 12_340_000, keys, values, error
    )


def written(kind, *records):
    stream = io.StringIO()
    sink = ConsoleSink(stream)
    result = sink.export(kind, [sink.encode(kind, record) for record in records], 1.0)
    assert result.verdict is Verdict.ACCEPTED
    return stream.getvalue()


def test_a_log_is_a_line_that_names_the_owner_first():
    """As the README shows it, in whatever order the attributes come."""
    log = a_log(
        dify__event__name="dify.app.created",
        dify__app_id="a1",
        dify__tenant_id="acme",
        dify__event__id="0b7d",
        dify__app__created_at="2026-11-24T10:00:00Z",
        dify__app__mode="chat",
        log__record__uid="0b7d",
    )

    assert written(LOGS, log, log) == "dify.app.created  tenant=acme app=a1 mode=chat\n" * 2


def test_what_is_missing_or_empty_is_left_out():
    """A name alone is a line as well."""
    assert written(LOGS, a_log(dify__tenant_id="", dify__app_id=None)) == "dify.app.created\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two words", '"two words"'),
        ("line\nbreak", '"line\\nbreak"'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ('a"b', '"a\\"b"'),
        ("x=y", '"x=y"'),
        ("Ünïcode", "Ünïcode"),
        ("\ud800", '"\\ud800"'),
        ("x" * 200, "x" * 79 + "…"),
        (True, "True"),
        (0, "0"),
    ],
)
def test_a_value_can_not_break_its_line(value, shown):
    """Nor move the cursor, nor look like two."""
    assert written(LOGS, a_log(dify__tenant_id=value)) == f"dify.app.created  tenant={shown}\n"


def test_a_span_says_how_long_it_took():
    """And what went wrong."""
    assert written(SPANS, a_span(), a_span("no luck")) == (
        "dify.workflow.run  span 12.3 ms tenant=acme status=succeeded\n"
        'dify.workflow.run  span 12.3 ms tenant=acme status=succeeded ERROR "no luck"\n'
    )


def test_a_metric_point_is_a_line():
    """A counter's sum; a histogram's number and sum; nothing about the gateway itself."""
    counter = Instrument("dify.requests.total", "counter", "{request}")
    histogram = Instrument("dify.workflow.duration", "histogram", "s")
    stream = io.StringIO()
    ConsoleSink(stream).export_metrics(
        [
            MetricPoint(counter, ("tenant_id",), ("acme",), 1, 2, 5),
            MetricPoint(histogram, (), (), 1, 2, 3.5, 2, (1.0,), (1, 1)),
            MetricPoint(counter._replace(name="telemetry_actors.events"), (), (), 1, 2, 5),
        ],
        1.0,
    )

    assert stream.getvalue() == (
        "dify.requests.total  metric 5 {request}  tenant_id=acme\n"
        "dify.workflow.duration  metric 2 times, 3.5 s in all\n"
    )


def test_standard_output_is_looked_up_when_it_is_written_to(capsys):
    """Whoever has redirected it meanwhile gets the lines."""
    sink = ConsoleSink()
    sink.export(LOGS, ["a line"], 1.0)

    assert capsys.readouterr().out == "a line\n"


def test_a_terminal_without_unicode_gets_escapes():
    """Never an error for the sake of a letter."""
    buffer = io.BytesIO()
    terminal = io.TextIOWrapper(buffer, encoding="ascii")
    ConsoleSink(terminal).export(LOGS, ["tenant=Ünï"], 1.0)

    assert buffer.getvalue() == b"tenant=\\xdcn\\xef\n"


def test_a_closed_stream_refuses():
    """It is no crash of the sink's actor, and no retry would help."""
    stream = io.StringIO()
    stream.close()

    assert ConsoleSink(stream).export(LOGS, ["x"], 1.0).verdict is Verdict.REFUSED


def test_it_is_a_sink():
    """The shape that the sink actor knows."""
    assert isinstance(ConsoleSink(), Sink)
    assert ConsoleSink().size_of("four") == 4
