"""Makes the tables of docs/errors.md: ``python -m tests.docs.meanings``.

What the words mean stands in `books/meanings.py` alone; this only lays it out between two marks.
The rest of the page is written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping

from telemetry_actors.books.meanings import (
    ADMISSIONS,
    ERROR_TYPES,
    PROVIDER_RESULTS,
    REASONS,
    Meaning,
)
from tests.docs.pages import DOCS

PAGE = DOCS / "errors.md"

_BEGIN = (
    "<!-- made by `python -m tests.docs.meanings` out of the table of meanings; don't edit -->\n"
)
_END = "<!-- end of what is made -->\n"

_HEAD = """
# Words of the books

What `emit()` says of an event, and why an accepted one was dropped, are words: in the ledger, in
dead letters, in `status()`, in the metrics of [self-telemetry](self-telemetry.md). "At fault" says
where to begin: `host` is the application with its payloads and mappings, `network` has stores and
disks with it, `us` is this library.
"""

_TABLES: tuple[tuple[str, str, Mapping[str, Meaning]], ...] = (
    ("Admissions", "What `emit()` answers; all but `accepted` are refusals.", ADMISSIONS),
    (
        "Reasons",
        "Why an accepted event, or a log record, span or message of it, was dropped.",
        REASONS,
    ),
    (
        "Error types",
        "How a request ended, where it is no word of the reasons: `error.type` of the metrics.",
        ERROR_TYPES,
    ),
    ("Provider calls", "What became of a call of a trace manager or provider.", PROVIDER_RESULTS),
)


def page() -> str:
    """The whole page as it should be."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}{made()}{_END}{after}"


def made() -> str:
    """The part that is made."""
    return _HEAD + "".join(
        f"\n### {title}\n\n{text}\n\n{_table(rows)}" for title, text, rows in _TABLES
    )


def _table(rows: Mapping[str, Meaning]) -> str:
    lines = ["| word | meaning | at fault | what to do |", "|---|---|---|---|"]
    lines += [
        f"| `{word}` | {m.meaning} | {m.fault} | {m.what_to_do} |" for word, m in rows.items()
    ]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
