"""The page of settings is what the models say."""

from tests.docs.configuration import PAGE, page


def test_the_page_is_current():
    """If not: ``python -m tests.docs.configuration``."""
    assert PAGE.read_text() == page()


def test_every_environment_name_of_a_tunable_is_on_it():
    from telemetry_actors import TelemetrySettings
    from telemetry_actors.settings.environment import tunable_names

    text = page()
    assert [name for name in tunable_names(TelemetrySettings) if f"| `{name}` |" not in text] == []


def test_a_setting_that_nothing_reads_is_marked():
    marked = [line for line in page().splitlines() if "**Not used yet.**" in line]
    assert all(line.startswith("| `") for line in marked)
    assert not [line for line in marked if "LINGER_S" in line]
