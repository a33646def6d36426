"""The trace providers of one gateway: who, besides a trace manager, gets each trace task.

Beside the way: ``router -> [these] -> TraceProviderActor``. They belong to the gateway and not
to a life of it: the child of a fork has them, too.

Any thread; no lock: each step is one call into C.
"""

from __future__ import annotations

from typing import Any

from telemetry_actors.errors import SettingsError


class _Registered:
    """A provider as it rides in a queued call. Once taken off it is gone for that call, too."""

    __slots__ = ("_provider",)

    def __init__(self, provider: object) -> None:
        self._provider = provider

    @property
    def add_trace_task(self) -> Any:
        """What to call; null once it has been taken off."""
        provider = self._provider
        return None if provider is None else getattr(provider, "add_trace_task", provider)

    def leave(self) -> None:
        self._provider = None


class TraceProviders:
    """Registered providers, in the order of their coming."""

    def __init__(self) -> None:
        self._by_id: dict[int, _Registered] = {}

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def add(self, provider: object) -> None:
        """Give *provider* each task from now on. A second time changes nothing.

        Raises:
            SettingsError: it has no ``add_trace_task`` and can't be called.
        """
        if not callable(getattr(provider, "add_trace_task", provider)):
            raise SettingsError(
                "trace provider",
                allowed="must have add_trace_task(task_name, payload, context), or be callable",
                value=type(provider).__name__,
            )
        self._by_id.setdefault(id(provider), _Registered(provider))

    def remove(self, provider: object) -> None:
        """No more calls, also of those that are queued. A stranger is no error."""
        found = self._by_id.pop(id(provider), None)
        if found is not None:
            found.leave()

    def now(self) -> list[Any]:
        """All as of now."""
        return list(self._by_id.values())
