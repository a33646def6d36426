"""The host's blinker signals become events: app created, updated, deleted, feedback created.

In front of the door: ``signal.send(sender) -> [bridge] -> emit()``, on the sender's thread. It
reads a few attributes and calls `emit()`; whatever a sender is or raises stays here.

A bridge changes nothing of the host's: it adds a receiver to four signals, and takes it off.
Needs the extra ``signals`` (``pip install "telemetry-actors[signals]"``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

from telemetry_actors._process import emit
from telemetry_actors.books.ledger import Admission
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.forms import id_of_any
from telemetry_actors.gateway import TelemetryGateway

__all__ = ["SIGNALS", "BlinkerBridge", "SignalNamespace"]

SIGNALS: Final[Mapping[str, TelemetryCase]] = {
    "app-was-created": TelemetryCase.APP_CREATED,
    "app-was-updated": TelemetryCase.APP_UPDATED,
    "app-was-deleted": TelemetryCase.APP_DELETED,
    "feedback-was-created": TelemetryCase.FEEDBACK_CREATED,
}
"""The signals that are listened to, and the case of each."""

_APP_KEYS: Final = {"app_id": ("id", "app_id")}
_KEYS: Final[Mapping[TelemetryCase, Mapping[str, tuple[str, ...]]]] = {
    TelemetryCase.APP_CREATED: {**_APP_KEYS, "mode": ("mode",)},
    TelemetryCase.APP_UPDATED: _APP_KEYS,
    TelemetryCase.APP_DELETED: _APP_KEYS,
    TelemetryCase.FEEDBACK_CREATED: {
        key: (key,)
        for key in (
            "message_id",
            "app_id",
            "conversation_id",
            "from_end_user_id",
            "from_account_id",
            "rating",
            "from_source",
            "content",
        )
    },
}
"""Payload key -> where to look for it, in this order. A feedback's own ``id`` is in no payload."""


class SignalNamespace(Protocol):
    """Where signals are found by name: a `blinker.Namespace`."""

    def signal(self, name: str, doc: str | None = None) -> Any:
        """The signal of that name, made at the first call."""


class BlinkerBridge:
    """Connects the four signals to a gateway. A context manager; both ends are idempotent.

    The signals hold the bridge, not the other way round: a bridge that nobody keeps goes on
    working until `disconnect`.

    Args:
        gateway: to emit to; the process-wide one by default, which is made by the first event.
        namespace: of the signals; by default blinker's own, which ``blinker.signal`` uses.
    """

    def __init__(
        self, gateway: TelemetryGateway | None = None, namespace: SignalNamespace | None = None
    ) -> None:
        self._emit: Callable[..., Admission] = emit if gateway is None else gateway.emit
        self._namespace = namespace
        self._receivers = {name: _receiver(self._emit, case) for name, case in SIGNALS.items()}

    def connect(self) -> Self:
        """Listen. A second call changes nothing.

        Raises:
            ModuleNotFoundError: blinker is not installed.
        """
        for name, receiver in self._receivers.items():
            # Blinker's default is a weak reference, and nobody else holds the receiver.
            self._signal(name).connect(receiver, weak=False)
        return self

    def disconnect(self) -> None:
        """Listen no more. What was emitted goes its way. A second call changes nothing."""
        for name, receiver in self._receivers.items():
            self._signal(name).disconnect(receiver)

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    def _signal(self, name: str) -> Any:
        if self._namespace is None:
            self._namespace = _blinker()
        return self._namespace.signal(name)


def _blinker() -> SignalNamespace:
    """The module: its ``signal`` finds those of blinker's own namespace."""
    try:
        import blinker
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'blinker is not installed: pip install "telemetry-actors[signals]"', name="blinker"
        ) from error
    return blinker


def _receiver(emit: Callable[..., Admission], case: TelemetryCase) -> Callable[..., object]:
    keys = _KEYS[case]

    def receive(sender: object = None, **said: object) -> Admission:
        """What a signal calls. Never raises an `Exception`, whatever *sender* is."""
        payload = {key: _read(sender, said, places) for key, places in keys.items()}
        context = {"tenant_id": _read(sender, said, ("tenant_id",)) or ""}
        present = {key: value for key, value in payload.items() if value is not None}
        return emit(case, context, present)

    return receive


def _read(sender: object, said: Mapping[str, object], places: tuple[str, ...]) -> str | None:
    """A text, from what the signal said of it or else from the sender; null if there is none."""
    for name in places:
        value = id_of_any(said.get(name))
        if value is None:
            value = _text_of(sender, name)
        if value is not None:
            return value
    return None


def _text_of(sender: object, name: str) -> str | None:
    try:
        value = sender.get(name) if isinstance(sender, Mapping) else getattr(sender, name, None)
    except Exception:  # noqa: BLE001 -- a property of the host's: its fault costs this key alone
        return None
    return id_of_any(value)
