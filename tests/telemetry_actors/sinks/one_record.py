"""What both protocols' tests send, and how: one record of each kind."""

from contextlib import contextmanager

from telemetry_actors.event.signals import LogSignal, SignalKind, SpanSignal

LOGS, SPANS = SignalKind.LOGS, SignalKind.SPANS
KEY = "geheim-0123456789"
SHORT_S = 0.3
LONG_S = 5.0

LOG = LogSignal("dify.app.created", "metric_only", ("k",), ("v",), b"", b"", 1, 2)
SPAN = SpanSignal("run", b"t" * 16, b"s" * 8, b"", 1, 2, ("k",), ("v",), None)


@contextmanager
def sinks_of(kind):
    """Make sinks of a class, for an endpoint or a receiver; closed at the end of the block."""
    sinks = []

    def sink_to(endpoint, **options):
        sinks.append(kind(getattr(endpoint, "endpoint", endpoint), **options))
        return sinks[-1]

    yield sink_to
    for sink in sinks:
        sink.close()


def send(sink, count=1, timeout_s=LONG_S):
    """The result of one request with so many logs."""
    return sink.export(LOGS, [sink.encode(LOGS, LOG)] * count, timeout_s)
