"""Sinks that can't be used are told where they are handed in."""

import pytest

from telemetry_actors import SettingsError, TelemetryGateway, TelemetrySettings
from telemetry_actors.sinks import RecordingSink


def broken(**attributes):
    return [type("Broken", (RecordingSink,), attributes)()]


async def exports_later(self, kind, encoded, timeout_s):
    """A coroutine."""


@pytest.mark.parametrize(
    ("sinks", "words"),
    [
        (broken(name=None), "its name is a NoneType"),
        (broken(name=7), "its name is a int"),
        (broken(size_of=10), "its size_of is a int, which can't be called"),
        (broken(export=None), "its export is missing"),
        (broken(export=lambda self: None), "its export must take 3 arguments"),
        (broken(export=exports_later), "its export is a coroutine or a generator"),
        (broken(interrupt=1), "its interrupt is a int, which can't be called"),
        ([RecordingSink], "this is a class: call it"),
        (RecordingSink(), "must be a list of sinks"),
        ([None], "sinks = [None]: None is no sink"),
    ],
)
def test_a_sink_that_can_not_be_used_is_told_when_it_is_handed_in(sinks, words):
    with pytest.raises(SettingsError, match="sinks") as caught:
        TelemetryGateway(TelemetrySettings(), sinks=sinks)
    assert words in str(caught.value)
