"""All sixteen instruments are declared, with the names and units of the reference."""

from telemetry_actors.handlers import INSTRUMENTS


def test_ten_counters_and_six_histograms_as_the_reference_lists_them():
    assert {instrument[:3] for instrument in INSTRUMENTS} == {
        ("dify.tokens.total", "counter", "{token}"),
        ("dify.tokens.input", "counter", "{token}"),
        ("dify.tokens.output", "counter", "{token}"),
        ("dify.requests.total", "counter", "{request}"),
        ("dify.errors.total", "counter", "{error}"),
        ("dify.feedback.total", "counter", "{feedback}"),
        ("dify.dataset.retrievals.total", "counter", "{retrieval}"),
        ("dify.app.created.total", "counter", "{app}"),
        ("dify.app.updated.total", "counter", "{app}"),
        ("dify.app.deleted.total", "counter", "{app}"),
        ("dify.workflow.duration", "histogram", "s"),
        ("dify.node.duration", "histogram", "s"),
        ("dify.message.duration", "histogram", "s"),
        ("dify.message.time_to_first_token", "histogram", "s"),
        ("dify.tool.duration", "histogram", "s"),
        ("dify.prompt_generation.duration", "histogram", "s"),
    }
    assert len(INSTRUMENTS) == 16
