"""What every log record has."""

from telemetry_actors.handlers import EventFacts
from telemetry_actors.handlers._records import METRIC_ONLY, log_record, log_type

KIND = log_type("dify.test", METRIC_ONLY, "a", "b")
FACTS = EventFacts("event-1", "t", 5, 9, {})


def test_name_and_signal_come_first_and_the_record_id_is_the_events():
    log = log_record(FACTS, KIND, (1, None))

    assert list(log.attributes.items()) == [
        ("dify.event.name", "dify.test"),
        ("dify.event.signal", "metric_only"),
        ("a", 1),
        ("log.record.uid", "event-1"),
    ]


def test_its_time_is_when_the_event_was_emitted_however_long_it_waited():
    log = log_record(FACTS, KIND, (1, 2))

    assert (log.time_ns, log.observed_ns) == (5, 9)


def test_the_key_table_is_shared_by_all_records_of_a_type():
    assert log_record(FACTS, KIND, (1, 2)).keys is log_record(FACTS, KIND, (3, 4)).keys
