"""The last words to the sinks at a stop, interrupt and close: to all of them at the same time.

A sink may be a user's. One that never comes back from them is left behind, and keeps neither the
others from their end nor what is left from being counted (g22).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from supervisors.system.clock import new_token, release, wait_until
from telemetry_actors.base.log import warn
from telemetry_actors.batch.crashes import in_short
from telemetry_actors.life.aside import Asked
from telemetry_actors.life.life import Life
from telemetry_actors.ports import Interruptible


class _LastWord(NamedTuple):
    sink_name: str
    word: str
    say: Callable[[], None]

    def to(self, caught: type[BaseException]) -> None:
        """Say it. Of *caught*, whatever is raised costs a line in the log."""
        try:
            self.say()
        except caught as error:  # a user's sink; the others are to hear it, too
            words = "sink %s: %s() raised %s; it is left as it is"
            warn(words, self.sink_name, self.word, in_short(error), of=self.sink_name)


def interrupt_sinks(life: Life, within_s: float) -> int:
    """The time of what is on its way is up, also if it began before the stop.

    Returns:
        How many have not come back within *within_s* seconds.
    """
    able = [sink for sink in life.outlets.sinks if isinstance(sink, Interruptible)]
    return _say(life, (_LastWord(s.name, "interrupt", s.interrupt) for s in able), within_s)


def close_sinks(life: Life, within_s: float) -> int:
    """Nothing is sent any more. Returns as `interrupt_sinks`."""
    return _say(life, (_LastWord(s.name, "close", s.close) for s in life.outlets.sinks), within_s)


def _say(life: Life, words: Iterable[_LastWord], within_s: float) -> int:
    clock, token = life.clock, new_token()
    until_s = clock.now_s() + within_s
    asked: list[tuple[_LastWord, Asked[None]]] = []

    def begins_aside(word: _LastWord) -> bool:
        # nobody else's thread: SystemExit ends nothing there
        one = Asked(lambda: word.to(BaseException), lambda: release(token))
        try:
            one.aside()
        except RuntimeError:  # no thread can be started
            return False
        asked.append((word, one))
        return True

    for word in words:
        # here, if the runtime is one that was given: it may be bound to this very thread
        if life.running.given is not None or not begins_aside(word):
            word.to(Exception)
    wait_until(lambda: all(one.is_over for _, one in asked), clock, token, until_s)
    out = [word for word, one in asked if not one.is_over]
    for word in out:
        warn("sink %s: %s() does not come back; its thread is left", word.sink_name, word.word)
    return len(out)
