"""The sixteen metric instruments, all declared in one place (docs/data-dictionary.md)."""

from __future__ import annotations

from typing import Final

from telemetry_actors.event.signals import Instrument


def _counter(name: str, unit: str) -> Instrument:
    return Instrument(name, "counter", f"{{{unit}}}")


def _histogram(name: str) -> Instrument:
    return Instrument(name, "histogram", "s")


TOKENS: Final = _counter("dify.tokens.total", "token")
INPUT_TOKENS: Final = _counter("dify.tokens.input", "token")
OUTPUT_TOKENS: Final = _counter("dify.tokens.output", "token")
REQUESTS: Final = _counter("dify.requests.total", "request")
ERRORS: Final = _counter("dify.errors.total", "error")
FEEDBACK: Final = _counter("dify.feedback.total", "feedback")
DATASET_RETRIEVALS: Final = _counter("dify.dataset.retrievals.total", "retrieval")
APP_CREATED: Final = _counter("dify.app.created.total", "app")
APP_UPDATED: Final = _counter("dify.app.updated.total", "app")
APP_DELETED: Final = _counter("dify.app.deleted.total", "app")
WORKFLOW_DURATION: Final = _histogram("dify.workflow.duration")
NODE_DURATION: Final = _histogram("dify.node.duration")
MESSAGE_DURATION: Final = _histogram("dify.message.duration")
MESSAGE_TTFT: Final = _histogram("dify.message.time_to_first_token")
TOOL_DURATION: Final = _histogram("dify.tool.duration")
PROMPT_GENERATION_DURATION: Final = _histogram("dify.prompt_generation.duration")

INSTRUMENTS: Final = (
    TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    REQUESTS,
    ERRORS,
    FEEDBACK,
    DATASET_RETRIEVALS,
    APP_CREATED,
    APP_UPDATED,
    APP_DELETED,
    WORKFLOW_DURATION,
    NODE_DURATION,
    MESSAGE_DURATION,
    MESSAGE_TTFT,
    TOOL_DURATION,
    PROMPT_GENERATION_DURATION,
)
"""Ten counters and six histograms."""
