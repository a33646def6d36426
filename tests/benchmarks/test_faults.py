"""The fault benchmark runs: both subjects, rows that add up, figures with their origin."""

import json
import subprocess
import sys

import pytest

from benchmarks.__main__ import main
from benchmarks.fault_subject import Report
from benchmarks.faults import QUICK, names, unaccounted

pytestmark = pytest.mark.timeout(60)

OURS, SDK = "telemetry-actors", "opentelemetry-sdk"
TINY = ["--only", "well", "--only", "one bad record, 400", "--events", "40", "--rates", "1000"]


def test_it_compares_what_is_claimed_with_what_arrived(tmp_path, capsys):
    file = tmp_path / "faults.json"

    main(["faults", *TINY, "--json", str(file)])

    result = json.loads(file.read_text())
    rows = {(row["fault"], row["subject"]): row for row in result["rows"]}
    assert len(rows) == 4
    assert all(rows["well", subject]["received"] == 40 for subject in (OURS, SDK))
    assert all(row["emitted"] == 40 and row["peak_rss_mb"] > 10 for row in rows.values())
    ours = rows["one bad record, 400", OURS]
    assert (ours["received"], ours["claimed"], ours["told_lost"]) == (39, 39, 1)
    assert ours["reasons"] == {"rejected": 1}
    assert all(row["unaccounted"] == 0 for (_, subject), row in rows.items() if subject == OURS)
    assert {"python", "commit", "cores", "system"} <= set(result["machine"])
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_json_without_a_file_is_all_that_is_on_stdout():
    """As the README says it, by the module's own name."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", "--only", "403", "--events", "5", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert {row["subject"] for row in json.loads(done.stdout)["rows"]} == {OURS, SDK}
    assert "403" in done.stderr


def test_events_that_the_books_are_wrong_about_are_counted():
    report = Report(100, 60, {"queue_full": 30}, 1.0, 1.0, 0.1, 50.0)
    assert unaccounted(report, received=60) == 10  # left out
    assert unaccounted(report, received=50) == 20  # and ten claimed that nobody has
    assert unaccounted(report._replace(told_lost={"queue_full": 45}), received=60) == 5


def test_the_quick_form_is_of_known_faults():
    assert set(QUICK) <= set(names())
    assert len(names()) == len(set(names()))
