"""A multi-tenant LLM application, simulated: what ``telemetry-actors demo`` watches.

Tenants create apps, change them, chat with them and delete them. A turn is a workflow run of
several nodes (some fail, some run another workflow inside) and the message that it answered,
with what may come along (`_asides.py`). All fourteen cases; seeded, endless, and with
real-looking content, so that the content gate has something to take away.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from telemetry_actors.demo._asides import AUTHOR, TURN
from telemetry_actors.demo._text import text_of
from telemetry_actors.demo.event import MadeEvent
from telemetry_actors.event.cases import TelemetryCase

_WORKSPACES = ("Acme", "Globex", "Initech", "Umbrella")
_APPS = ("Support desk", "Contract reader", "Code helper", "Travel planner", "Recipe finder")
_MODES = ("chat", "advanced-chat", "workflow", "agent-chat")
_MODELS = (
    ("openai", "gpt-4o"),
    ("anthropic", "claude"),
    ("ollama", "llama3"),
    ("mistral", "large"),
)
_QUESTIONS = (
    "Where is my order 4711?",
    "May I return a parcel that I have opened?",
    "Wie kündige ich meinen Vertrag zum Monatsende?",
    "What does clause 7 of the contract mean for me?",
    "Write a function that merges two sorted lists.",
    "東京から京都まで、いちばん安い行き方を教えて",
)
_APPS_AT_START = 2  # for each tenant
_TURNS_AN_APP = 25  # after so many turns somebody creates another app
_FAILS_ONE_IN = 12
_NESTS_ONE_IN = 10


@dataclass(frozen=True, slots=True)
class _App:
    tenant_id: str
    workspace: str
    app_id: str
    name: str
    mode: str
    provider: str
    model: str
    workflow_id: str
    datasets: tuple[str, ...] = field(default=())


class Application:
    """Makes the events of a small platform, in the order in which they end."""

    def __init__(self, *, seed: int, start_ns: int) -> None:
        """Begin with no app.

        Args:
            seed: the same one gives the same events, ids included.
            start_ns: when the first event ends, ns since the epoch.
        """
        self._rng = random.Random(seed)
        self._now_ns = start_ns
        self._tenants = [(self.new_id(), workspace) for workspace in _WORKSPACES]
        self._apps: list[_App] = []

    def events(self) -> Iterator[MadeEvent]:
        """Events without end: apps first, then turns, now and then work on an app."""
        for tenant in self._tenants * _APPS_AT_START:
            yield self._created(tenant)
        while True:
            for _ in range(_TURNS_AN_APP):
                yield from self._turn()
            yield from self._work()

    def new_id(self) -> str:
        """A version 4 UUID from the seed."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def one_in(self, count: int) -> bool:
        """True once in *count* times, by the seed."""
        return self._rng.randrange(count) == 0

    def takes(self, shortest_ms: int, longest_ms: int) -> tuple[int, int]:
        """Start and end (ns) of something that takes so long, and happens now."""
        start_ns = self._now_ns
        self._now_ns += self._rng.randint(shortest_ms * 1000, longest_ms * 1000) * 1000
        return start_ns, self._now_ns

    def tokens(self, most: int) -> int:
        """A token count, more often small."""
        return int(most * self._rng.random() ** 2) + 1

    def _created(self, tenant: tuple[str, str]) -> MadeEvent:
        provider, model = self._rng.choice(_MODELS)
        app = _App(
            tenant_id=tenant[0],
            workspace=tenant[1],
            app_id=self.new_id(),
            name=self._rng.choice(_APPS),
            mode=self._rng.choice(_MODES),
            provider=provider,
            model=model,
            workflow_id=self.new_id(),
            datasets=(self.new_id(),),
        )
        self._apps.append(app)
        return _app_event(TelemetryCase.APP_CREATED, app, mode=app.mode)

    def _work(self) -> Iterator[MadeEvent]:
        """An author makes an app, tries it out and saves it; an old one is deleted."""
        yield self._created(self._rng.choice(self._tenants))
        app = self._apps[-1]
        yield from _Turn(self, app, self._rng.choice(_QUESTIONS)).of_its_author()
        yield _app_event(TelemetryCase.APP_UPDATED, app)
        old = self._apps.pop(self._rng.randrange(len(self._apps) - 1))
        yield _app_event(TelemetryCase.APP_DELETED, old)

    def _turn(self) -> Iterator[MadeEvent]:
        self.takes(1, 50)
        turn = _Turn(self, self._rng.choice(self._apps), self._rng.choice(_QUESTIONS))
        return turn.events(nested=self.one_in(_NESTS_ONE_IN), fails=self.one_in(_FAILS_ONE_IN))


def _app_event(case: TelemetryCase, app: _App, **more: object) -> MadeEvent:
    context = {"tenant_id": app.tenant_id, "app_id": app.app_id}
    return MadeEvent(case.value, context, {"app_id": app.app_id, **more})


class _Turn:
    """One question of one user, and all that happens until it is answered."""

    def __init__(self, application: Application, app: _App, question: str) -> None:
        self.application = application
        self.app = app
        self.question = question
        self.user_id = application.new_id()
        self.run_id = application.new_id()
        self.message_id = application.new_id()
        self.conversation_id = application.new_id()
        self.prompt_tokens = application.tokens(3000)
        self.completion_tokens = application.tokens(400)
        self.index = 0
        self.start_ns = 0

    def events(self, *, nested: bool, fails: bool) -> Iterator[MadeEvent]:
        self.start_ns = self.application.takes(0, 0)[0]
        yield self._node("start", "start", self.application.takes(1, 3))
        yield self._node(
            "retrieval",
            "knowledge-retrieval",
            self.application.takes(20, 200),
            plugin_name="knowledge",
            dataset_ids=list(self.app.datasets),
            dataset_names=["Handbook"],
            outputs={"result": [{"content": text_of(120, seed=self.prompt_tokens)}]},
        )
        if nested:
            yield from self._nested_run()
        yield self._llm(fails=fails)
        if not fails:
            yield self._node("answer", "answer", self.application.takes(1, 3))
        end_ns = self.application.takes(1, 5)[1]
        yield self._workflow_run(end_ns, fails=fails)
        yield self._message_run(end_ns, fails=fails)
        for one_in, (case, payload) in TURN:
            if self.application.one_in(one_in):
                yield self._event(case, payload(self._what(fails=fails)))

    def of_its_author(self) -> Iterator[MadeEvent]:
        """Somebody works on the app, and tries it with the question."""
        for case, payload in AUTHOR:
            yield self._event(case, payload(self._what(fails=False)))

    def _what(self, *, fails: bool) -> dict[str, object]:
        """What an aside may be about."""
        return {
            "ids": {
                "message_id": self.message_id,
                "workflow_run_id": self.run_id,
                "node_execution_id": self.application.new_id(),
            },
            "conversation_id": self.conversation_id,
            "user_id": self.user_id,
            "workflow_id": self.app.workflow_id,
            "datasets": self.app.datasets,
            "question": self.question,
            "answer": self.answer,
            "tokens": self.prompt_tokens,
            "model": self._model(),
            "took": self.application.takes(5, 900),
            "fails": fails,
        }

    @property
    def answer(self) -> str:
        return text_of(self.completion_tokens, seed=self.completion_tokens)

    def _llm(self, *, fails: bool) -> MadeEvent:
        outcome: dict[str, Any] = (
            {"status": "failed", "error": "rate limit reached", "completion_tokens": 0}
            if fails
            else {"outputs": {"text": self.answer}, "completion_tokens": self.completion_tokens}
        )
        return self._node(
            "llm",
            "llm",
            self.application.takes(300, 4000),
            **self._model(),
            prompt_tokens=self.prompt_tokens,
            total_tokens=self.prompt_tokens + outcome["completion_tokens"],
            total_price=round(self.prompt_tokens * 2.5e-6, 8),
            currency="USD",
            process_data={"prompts": [text_of(self.prompt_tokens, seed=self.completion_tokens)]},
            **outcome,
        )

    def _nested_run(self) -> Iterator[MadeEvent]:
        """A tool node that runs a workflow of its own."""
        tool_id, inner_id = self.application.new_id(), self.application.new_id()
        start_ns, end_ns = self.application.takes(50, 300)
        parent = {
            "parent_trace_context": {
                "parent_workflow_run_id": self.run_id,
                "parent_node_execution_id": tool_id,
                "parent_app_id": self.app.app_id,
            }
        }
        inner = {"workflow_run_id": inner_id, **parent}
        yield self._node("search", "http-request", (start_ns, end_ns), **inner)
        yield self._run(start_ns, end_ns, **inner, triggered_from="workflow-as-tool")
        yield self._node(
            "tool",
            "tool",
            (start_ns, end_ns),
            node_execution_id=tool_id,
            tool_name="order_search",
            plugin_name="shop",
            inputs={"query": self.question},
        )

    def _workflow_run(self, end_ns: int, *, fails: bool) -> MadeEvent:
        outcome: dict[str, object] = (
            {"status": "failed", "error": "node llm failed: rate limit reached"}
            if fails
            else {"outputs": {"answer": self.answer}}
        )
        return self._run(
            self.start_ns,
            end_ns,
            message_id=self.message_id,
            conversation_id=self.conversation_id,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            total_tokens=self.prompt_tokens + self.completion_tokens,
            **outcome,
        )

    def _message_run(self, end_ns: int, *, fails: bool) -> MadeEvent:
        payload: dict[str, object] = {
            "message_id": self.message_id,
            "workflow_run_id": self.run_id,
            "conversation_id": self.conversation_id,
            "conversation_mode": self.app.mode,
            "status": "failed" if fails else "succeeded",
            "error": "rate limit reached" if fails else None,
            "from_source": "web",
            "from_end_user_id": self.user_id,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "time_to_first_token": None if fails else 0.25,
            "start_time": self.start_ns,
            "end_time": end_ns,
            "inputs": {"query": self.question},
            "outputs": None if fails else self.answer,
            **self._model(),
        }
        return self._event(TelemetryCase.MESSAGE_RUN, payload)

    def _run(self, start_ns: int, end_ns: int, **more: object) -> MadeEvent:
        payload: dict[str, object] = {
            "workflow_id": self.app.workflow_id,
            "workflow_run_id": self.run_id,
            "version": "2026-11-01 10:00:00",
            "status": "succeeded",
            "triggered_from": "web-app",
            "from_end_user_id": self.user_id,
            "elapsed_time": (end_ns - start_ns) / 1e9,
            "start_time": start_ns,
            "end_time": end_ns,
            "query": self.question,
            "inputs": {"query": self.question},
            **more,
        }
        return self._event(TelemetryCase.WORKFLOW_RUN, payload)

    def _node(
        self, node_id: str, node_type: str, span: tuple[int, int], **more: object
    ) -> MadeEvent:
        self.index += 1
        payload: dict[str, object] = {
            "workflow_id": self.app.workflow_id,
            "workflow_run_id": self.run_id,
            "node_execution_id": self.application.new_id(),
            "node_id": node_id,
            "node_type": node_type,
            "title": node_id.capitalize(),
            "status": "succeeded",
            "index": self.index,
            "elapsed_time": (span[1] - span[0]) / 1e9,
            "start_time": span[0],
            "end_time": span[1],
            "invoke_from": "web-app",
            "from_end_user_id": self.user_id,
            "inputs": {"query": self.question},
            **more,
        }
        return self._event(TelemetryCase.NODE_EXECUTION, payload)

    def _event(self, case: TelemetryCase, payload: dict[str, object]) -> MadeEvent:
        context = {
            "tenant_id": self.app.tenant_id,
            "app_id": self.app.app_id,
            "user_id": self.user_id,
            "app_name": self.app.name,
            "workspace_name": self.app.workspace,
        }
        return MadeEvent(case.value, context, payload)

    def _model(self) -> dict[str, object]:
        return {"model_provider": self.app.provider, "model_name": self.app.model}
