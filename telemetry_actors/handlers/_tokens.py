"""The three token counters: one label set and one rule for every case that has tokens.

``operation_type`` tells them apart. A run's tokens already contain those of its nodes,
so a sum over all operation types counts twice (docs/data-dictionary.md, "Instruments").
"""

from __future__ import annotations

from typing import Final

from telemetry_actors.event.emits import Metric
from telemetry_actors.event.instruments import INPUT_TOKENS, OUTPUT_TOKENS, TOKENS
from telemetry_actors.event.signals import Measurement
from telemetry_actors.handlers._columns import Row

_LABELS: Final = (
    "tenant_id",
    "app_id",
    "operation_type",
    "model_provider",
    "model_name",
    "node_type",
)


def token_metrics(*, total_when: str = "always") -> tuple[Metric, Metric, Metric]:
    """What `token_measurements` can make.

    Args:
        total_when: in words, when a case asks for tokens at all.
    """
    also = "" if total_when == "always" else f" and {total_when}"
    return (
        Metric(TOKENS, _LABELS, when=total_when),
        Metric(INPUT_TOKENS, _LABELS, when=f"`prompt_tokens` > 0{also}"),
        Metric(OUTPUT_TOKENS, _LABELS, when=f"`completion_tokens` > 0{also}"),
    )


def total_or_sum(row: Row) -> int:
    """Tokens in all: as given, also if it contradicts the other two; their sum if it isn't.

    >>> total_or_sum({"total_tokens": 5, "prompt_tokens": 1}), total_or_sum({"prompt_tokens": 1})
    (5, 1)
    """
    total: int | None = row.get("total_tokens")
    if total is None:
        return (row.get("prompt_tokens") or 0) + (row.get("completion_tokens") or 0)
    return total


def token_measurements(
    labels: tuple[str, str, str, str, str, str],
    total: int | None,
    prompt: int | None,
    completion: int | None,
) -> list[Measurement]:
    """Total always, also 0 (null and less count as 0); input and output only above 0.

    Args:
        labels: tenant, app, operation type, provider, model, node type; "" = none.
        total: tokens in all; never derived from the other two here.
        prompt: tokens that went in.
        completion: tokens that came out.
    """
    found = [Measurement(TOKENS, _LABELS, labels, max(total or 0, 0))]
    if prompt is not None and prompt > 0:
        found.append(Measurement(INPUT_TOKENS, _LABELS, labels, prompt))
    if completion is not None and completion > 0:
        found.append(Measurement(OUTPUT_TOKENS, _LABELS, labels, completion))
    return found
