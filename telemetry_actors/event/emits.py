"""What a case can make, said beforehand: its log, its span's keys, its label sets.

Data beside a mapping, not a step of it: the data dictionary is made of it
(docs/data-dictionary.md), and tests hold every mapping to it in both directions. The
key tables are the very ones that the mapping's records share.
"""

from __future__ import annotations

from typing import NamedTuple

from telemetry_actors.event.signals import Instrument


class LogType(NamedTuple):
    """The static part of a log record."""

    name: str
    signal: str
    keys: tuple[str, ...]
    gated: frozenset[str] = frozenset()
    """Attributes that hold content, or with content off a reference or nothing."""
    reference: str = ""
    """Payload key whose id the reference names; empty: with content off *gated* are absent."""


class Metric(NamedTuple):
    """One instrument with one of its label sets."""

    instrument: Instrument
    label_keys: tuple[str, ...]
    type: str = ""
    """Value of the label ``type``, where there is one."""
    when: str = "always"
    """What must be so for an event to be measured, in a few words for the data dictionary."""


class Emits(NamedTuple):
    """All that events of one case can make."""

    log: LogType | None = None
    """None: no log (no case of ours)."""
    span_keys: tuple[str, ...] = ()
    """Attributes of the span, which has the log's name; empty: the case makes none."""
    metrics: tuple[Metric, ...] = ()
