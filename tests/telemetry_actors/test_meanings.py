"""Each word of the books has its row, and each row fits into a sentence."""

import subprocess
import sys

import pytest

from telemetry_actors.base.rpc_codes import RPC_CODES
from telemetry_actors.books.ledger import Admission, ProviderLine, Reason
from telemetry_actors.books.meanings import (
    ADMISSIONS,
    ERROR_TYPES,
    PROVIDER_RESULTS,
    REASONS,
    Fault,
    meaning_of,
    what_to_do,
)
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks.health import error_type_of

ROWS = [
    (word, row)
    for table in (ADMISSIONS, REASONS, ERROR_TYPES, PROVIDER_RESULTS)
    for word, row in table.items()
]


def test_every_admission_and_every_reason_has_its_row_and_no_row_is_without_one():
    assert list(ADMISSIONS) == [str(admission) for admission in Admission]
    assert list(REASONS) == [str(reason) for reason in Reason]
    assert list(PROVIDER_RESULTS) == [word for word in ProviderLine.model_fields if word != "given"]


@pytest.mark.parametrize(("word", "row"), ROWS, ids=[word for word, _ in ROWS])
def test_each_text_is_one_line_that_can_stand_in_a_sentence(word, row):
    assert isinstance(row.fault, Fault)
    for text in (row.meaning, row.what_to_do):
        assert text.isprintable() and text == text.strip() != ""
        assert not text.endswith((".", ";", ",", ":")) and "|" not in text
        assert len(text) <= 160


@pytest.mark.parametrize(
    "result",
    [
        ExportResult(Verdict.ACCEPTED, rejected=1),
        *(ExportResult(Verdict.RETRY, status_code=code) for code in (307, 429, 503)),
        *(ExportResult(Verdict.REFUSED, status_code=code) for code in (400, 401, 404)),
        *(ExportResult(Verdict.RETRY, rpc_code=code) for code in range(1, len(RPC_CODES))),
        ExportResult(Verdict.RETRY, unconfirmed=True),
        ExportResult(Verdict.RETRY),
    ],
    ids=error_type_of,
)
def test_whatever_a_request_ends_with_has_a_row_and_something_to_do(result):
    assert what_to_do(error_type_of(result))


def test_of_whom_all_is_well_nobody_is_asked_to_do_anything():
    assert what_to_do(Admission.ACCEPTED) == ""
    assert [r for r in Reason if not what_to_do(r)] == [Reason.FORK_CHILD]
    assert [a for a in Admission if not what_to_do(a)] == [Admission.ACCEPTED]


@pytest.mark.parametrize("word", ["", "no word", "99", "12345", "٥٠٣", "200", "Mixed"])
def test_a_word_that_is_none_has_no_row(word):
    assert meaning_of(word) is None
    assert what_to_do(word) == ""


def test_it_is_light():
    """Nothing of ours, and nothing heavy, comes with the table itself."""
    code = """if 1:
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("m", sys.argv[1])
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        heavy = {"pydantic", "telemetry_actors", "logging", "threading"}
        print(sorted(heavy & set(sys.modules)))
    """
    from telemetry_actors.books import meanings as _meanings

    done = subprocess.run(
        [sys.executable, "-S", "-c", code, _meanings.__file__],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"
