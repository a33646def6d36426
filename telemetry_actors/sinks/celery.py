"""CelerySink: the way out to a fleet of Celery workers that run the rest of the tree.

Last stage with ``transport="celery"``: ``router -> [bridge actor -> this] -> broker``. Each event
is one message, the JSON text of its envelope; it is *exported* once the broker has confirmed it.
Retries, breaker and books are the actor's (`_actor.py`). Celery's own retries are off, and its
publish signals are not sent: no code of the host's runs on our thread.

The Celery application is one of our own, beside the host's. Needs the extra ``celery``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.json_form import to_json
from telemetry_actors.event.signals import LogSignal, SignalKind, SpanSignal
from telemetry_actors.ports import ExportResult, MetricPoint, Verdict
from telemetry_actors.redaction.redaction import know_url, place_of, words_of
from telemetry_actors.settings import CelerySettings

TASK_NAME: Final = "process_enterprise_telemetry"
"""The platform's own name of the task."""

_Message = tuple[str, str]
"""Task id and the one argument."""


class CelerySink:
    """Publishes events. Its calls come one at a time, from the bridge actor's thread.

    Args:
        settings: where to, and how long a broker may take.

    Raises:
        ModuleNotFoundError: celery is not installed.
    """

    name = "celery"

    def __init__(self, settings: CelerySettings) -> None:
        assert settings.broker_url is not None
        self._url = settings.broker_url.get_secret_value()
        know_url(self._url)
        self._queue_name = settings.queue
        self._timeout_s = settings.socket_timeout_s
        self._app = _application(self._url)
        self._connection: Any = None
        self._producer: Any = None

    def __repr__(self) -> str:
        return f"<CelerySink {self.endpoint_of(SignalKind.BRIDGE)}>"

    def endpoint_of(self, kind: SignalKind) -> str:
        """Scheme, host and port; no secret."""
        return place_of(self._url)

    def encode(self, kind: SignalKind, record: LogSignal | SpanSignal | Envelope) -> _Message:
        """One event as a message.

        Raises:
            Exception: JSON can't carry it; it ends as ``encode_error``.
        """
        assert isinstance(record, Envelope)
        origin = (record.metadata or {})["origin"]
        return ":".join(map(str, origin)), to_json(record)

    def size_of(self, encoded: _Message) -> int:
        """Of the text."""
        return len(encoded[1])

    def export(self, kind: SignalKind, encoded: Sequence[Any], timeout_s: float) -> ExportResult:
        """Publish, and wait for the broker's word; no round trip takes over the socket time-out.

        A message whose answer was lost is sent again under the same task id and origin.
        """
        try:
            self._connect()
        except Exception as error:  # noqa: BLE001 -- kombu, its transport and the system each have their own
            self.close()
            return _failed(error, sent=False)
        try:
            for task_id, text in encoded:
                self._publish(task_id, text)
        except Exception as error:  # noqa: BLE001 -- as above
            refused = isinstance(error.__cause__ or error, self._connection.channel_errors)
            self.close()
            return _failed(error, sent=not refused)
        return ExportResult(Verdict.ACCEPTED)

    def export_metrics(self, points: Sequence[MetricPoint], timeout_s: float) -> ExportResult:
        """There are none: measurements are the workers' to make."""
        return ExportResult(Verdict.ACCEPTED)

    def close(self) -> None:
        """Let the connection go; the next message makes a new one."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with suppress(Exception):  # it may be broken in any way
                connection.collapse()

    def _connect(self) -> None:
        if self._producer is not None:
            return
        import kombu

        self._connection = kombu.Connection(
            self._url,
            connect_timeout=self._timeout_s,
            transport_options=_options(self._url, self._timeout_s),
        )
        queue = kombu.Queue(self._queue_name, routing_key=self._queue_name)
        queue.exchange = kombu.Exchange(self._queue_name, type="direct")
        self._producer = kombu.Producer(self._connection.default_channel)
        self._queue = queue

    def _publish(self, task_id: str, text: str) -> None:
        message = self._app.amqp.as_task_v2(
            task_id,
            TASK_NAME,
            args=(text,),
            kwargs={},
            ignore_result=True,
            argsrepr="(...)",  # else the whole text is in a header, too, and in workers' logs
        )
        self._producer.publish(
            message.body,
            exchange=self._queue.exchange,
            routing_key=self._queue_name,
            declare=[self._queue],
            serializer="json",
            headers=message.headers,
            retry=False,
            delivery_mode=2,
            **message.properties,
        )


def _application(url: str) -> Any:
    """Nobody's current application, so that the host's own is not touched (g05)."""
    try:
        import celery
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'celery is not installed: pip install "telemetry-actors[celery]"', name="celery"
        ) from error
    return celery.Celery("telemetry-actors", broker=url, set_as_current=False)


def _options(url: str, timeout_s: float) -> dict[str, Any]:
    """Every wait has an end. redis-py would try four times, with waits, unless asked for one."""
    once = {"max_retries": 0, "interval_start": 0}
    if url.startswith(("redis", "unix")):
        return {
            **once,
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "retry_on_timeout": True,  # one retry, at once
        }
    if url.startswith(("amqp", "pyamqp")):
        timeouts = {"read_timeout": timeout_s, "write_timeout": timeout_s}
        return {**once, **timeouts, "confirm_publish": True}
    return once


def _failed(error: Exception, *, sent: bool) -> ExportResult:
    """Try again."""
    return ExportResult(Verdict.RETRY, message=words_of(error)[:500], unconfirmed=sent)
