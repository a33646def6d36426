"""What a host didn't mean, and loses events by: said once per case and reason, and counted.

Beside the way: the door and the bridges note what they refuse (the caller's thread, no lock, no
line), and a thread of ours says it, also when the gateway has stopped; the books note what was
dropped, and the gateway stage that a tenant is missing. Never a line per event: of each reason the
first few cases are told apart, and while it lasts there is one summary a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from telemetry_actors.base.log import say_at_the_end, warn
from telemetry_actors.base.nearest import did_you_mean
from telemetry_actors.base.told_later import tell_at_the_end, tell_soon
from telemetry_actors.books.ledger import Admission, Reason
from telemetry_actors.books.meanings import meaning_of, what_to_do

if TYPE_CHECKING:
    from telemetry_actors.books.dead_letters import DeadLetter
    from telemetry_actors.event.envelope import Item

TOLD: Final = frozenset({
    Admission.UNKNOWN_CASE, Admission.INVALID, Admission.TOO_LARGE, Admission.STOPPING
})  # fmt: skip
"""Refusals that are told of. Those for want of room are the pressure's."""
_TOLD_DROPS: Final = frozenset({Reason.INVALID_PAYLOAD, Reason.NO_SINK})
_OF_ALL_CASES: Final = (Admission.STOPPING, Reason.NO_SINK)
"""One line for all cases: the cause is none of theirs."""
_MOST_NAMES: Final = 20
"""Of each reason."""
_MOST_IN_A_SUMMARY: Final = 3
_OF_TYPE = "of type "
_LONGEST_NAME: Final = 64
_UNPACKED: Final = "payload or context can't be packed"
_SUMMARY_S: Final = 60.0


class Losses:
    """Those of one gateway. Whoever asks, nothing is raised but by want of memory.

    Args:
        known: the cases that it knows.
        of_no_sink: it isn't said already that there is none.
    """

    def __init__(
        self, known: Iterable[str], now_s: Callable[[], float], *, of_no_sink: bool = True
    ) -> None:
        self._known = tuple(known)
        self._now_s = now_s
        self._of_no_sink = of_no_sink
        self._counts: dict[str, dict[str | None, int]] = {}
        """By reason and case; None: of all others. Without a lock: about how many."""
        self._unsaid: set[tuple[str, str]] = set()
        self._summed: dict[str, int] = {}
        """What the last summary said, by reason."""
        self._said_s: float | None = None

    def refused(
        self, case: object, why: Admission, context: object = None, payload: object = None
    ) -> None:
        """*case* was refused. Caller's thread, re-entrant; at most a thread is started."""
        if why in TOLD:
            name = shown_case(case)
            if self._is_first(why, name, tell_soon):
                words = _words_of_refusal(why, context, payload)
                tell_soon(partial(self._say, why, name, words))

    def dropped(self, letters: Iterable[DeadLetter]) -> None:
        """These events were. A thread of ours, which says it."""
        for letter in letters:
            reason, case = letter.reason, letter.envelope.case
            if reason in _TOLD_DROPS and self._is_first(reason, case, _now):
                if reason is Reason.INVALID_PAYLOAD:
                    self._say(reason, case, letter.error)
                elif self._of_no_sink:
                    self._say(reason, case, _meaning(reason))

    def _is_first(self, reason: str, case: str, ask: Callable[[Callable[[], None]], None]) -> bool:
        """Count it. False: it is said already, or shares a line with others."""
        of = "" if reason in _OF_ALL_CASES else case
        counts, now_s = self._counts.setdefault(reason, {}), self._now_s()
        if self._said_s is None:
            self._said_s = now_s
            tell_at_the_end(self)
        if of not in counts and len(counts) < _MOST_NAMES:
            counts[of] = 1
            return True
        if of not in counts:
            of_others = counts.get(None, 0)
            counts[None] = of_others + 1
        else:
            counts[of] += 1
        if now_s - self._said_s >= _SUMMARY_S:
            self._said_s = now_s
            ask(self._sum_up)
        return False

    def _say(self, reason: str, case: str, cause: str) -> None:
        if reason is Admission.UNKNOWN_CASE:
            said = _say_of_unknown(case, self._known)
        else:
            end = "refused" if isinstance(reason, Admission) else "dropped"
            advice = what_to_do(reason)
            if reason is Admission.INVALID and cause != _UNPACKED:  # then it's no want of memory
                advice = advice.partition(";")[0]
            if reason in _OF_ALL_CASES:
                words = "events are %s (%s), the first one of case %s: %s; %s"
                said = warn(words, end, reason, case, cause, advice, of=reason, at_once=1)
            else:
                words, of = "case %s: events are %s (%s): %s; %s", f"{reason} {case}"
                said = warn(words, case, end, reason, cause, advice, of=of, at_once=1)
        if not said:
            self._unsaid.add((reason, case))

    def _sum_up(self) -> None:
        """Of the reasons for which more were lost since the last time. Any thread of ours."""
        found = list(self._news(self._counts))
        if found:
            warn("events are still lost; so far %s", "; ".join(found), at_once=1)

    def sum_up_at_the_end(self) -> None:
        """Of a gateway or a process: the reasons with cases that no line has named."""
        unnamed = {reason for reason, _ in self._unsaid}
        unnamed |= {reason for reason, counts in list(self._counts.items()) if None in counts}
        found = list(self._news(unnamed))
        if found:
            say_at_the_end(f"events were lost; in all {'; '.join(found)}")

    def _news(self, reasons: Iterable[str]) -> Iterator[str]:
        """Of those for which more were lost than the last time."""
        for reason in list(reasons):
            by_case = dict(self._counts[reason])
            total = sum(by_case.values())
            if total != self._summed.get(reason, 0):
                self._summed[reason] = total
                yield self._in_short(reason, by_case, total)

    def _in_short(self, reason: str, by_case: Mapping[str | None, int], total: int) -> str:
        named = [
            (case, n)
            for case, n in sorted(by_case.items(), key=lambda of: -of[1])
            if case and (reason, case) not in self._unsaid
        ][:_MOST_IN_A_SUMMARY]
        others = total - sum(n for _, n in named)
        parts = [f"{n} of case {case}" for case, n in named]
        if others and reason not in _OF_ALL_CASES:
            parts.append(f"{others} of others")
        return f"{total} ({reason}" + (f": {', '.join(parts)})" if parts else ")")


def _now(say: Callable[[], None]) -> None:
    say()


def _meaning(reason: str) -> str:
    found = meaning_of(reason)
    return "" if found is None else found.meaning


def _words_of_refusal(why: Admission, context: object, payload: object) -> str:
    """What is wrong with it: types, never a value. Caller's thread."""
    return no_map(context, payload) if why is Admission.INVALID else _meaning(why)


def no_map(context: object, payload: object) -> str:
    """Which of the two can't be taken, in words."""
    for what, value in (("payload", payload), ("context", context)):
        if not (issubclass(type(value), Mapping) or (what == "context" and value is None)):
            return f"the {what} is no mapping but of type {type(value).__name__[:_LONGEST_NAME]}"
    return _UNPACKED


def shown_case(case: object) -> str:
    """*case* as words, bounded: a text is itself, anything else is its type."""
    if not issubclass(type(case), str):
        return f"{_OF_TYPE}{type(case).__name__}"[:_LONGEST_NAME]
    return str.__str__(case)[:_LONGEST_NAME]


def _say_of_unknown(name: str, known: Iterable[str]) -> bool:
    meant = did_you_mean(name, known) or "; register_case() makes one of your own known"
    if name.startswith(_OF_TYPE):
        name, meant = f"a case {name}", "; a case is a TelemetryCase or a text"
    else:
        name = f"case '{name}'"
    return warn("%s is unknown (refused as unknown_case)%s", name, meant)


def say_of_no_tenant(batch: Iterable[Item]) -> bool:
    """Say it of the first event of *batch* that has none. A thread of ours.

    Returns:
        False: each has one.
    """
    found = next((envelope.case for _, envelope in batch if not envelope.tenant_id), None)
    if found is None:
        return False
    warn(
        "events without a tenant arrive, the first one of case %s: neither payload nor context has"
        " a tenant_id, so theirs is empty; put one into the context",
        found,
        at_once=1,
    )
    return True
