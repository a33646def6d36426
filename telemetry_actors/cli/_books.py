"""The books for people (tables) and for machines (one line of JSON)."""

from __future__ import annotations

import json
import sys
from collections import Counter
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from telemetry_actors.base.log import printable
from telemetry_actors.books.meanings import ADMISSIONS, PROVIDER_RESULTS, REASONS, Meaning
from telemetry_actors.redaction.redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from telemetry_actors.demo.session import Books
    from telemetry_actors.stores.letters import BadLetter

_USUAL_WIDTH = 80
_INDENT = "    "
_BAD_SHOWN = 20


def print_json(books: Books, **more: object) -> None:
    """One line on stdout: ledger, balanced, restarts, and *more*. All else goes to stderr."""
    line = {
        "ledger": books.ledger.model_dump(mode="json"),
        "balanced": books.balanced,
        "restarts": books.status.restarts,
        "events": books.made,
        "seconds": round(books.seconds, 3),
        "interrupted": books.interrupted,
        "given_up": books.given_up,
        "cause": books.cause,
        **more,
    }
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    """One line on stderr, whatever is in it: names of files are anybody's (g29)."""
    sys.stderr.write(f"telemetry-actors: {printable(without_secrets(text))}\n")


def print_bad(bad: list[BadLetter]) -> None:
    """Files that are no letters, on stderr."""
    for one in bad[:_BAD_SHOWN]:
        print_error(f"{one.name}: skipped: {one.reason}")
    if len(bad) > _BAD_SHOWN:
        print_error(f"{len(bad) - _BAD_SHOWN:,} further files were skipped")


def print_books(books: Books, *, to_stderr: bool) -> None:
    """The tree, its restarts, both lines of the ledger, and the signals."""
    console = Console(stderr=to_stderr, highlight=False)
    console.print(_tree(books))
    console.print(_ledger(books))
    console.print(_signals(books))
    for line in _lines_of_advice(books):
        console.print(line, soft_wrap=True, markup=False)
    rate = books.made / books.seconds if books.seconds > 0 else 0.0
    console.print(f"{books.made:,} events in {books.seconds:.1f} s ({rate:,.0f} a second)")


def print_checks(checks: Mapping[str, bool], *, to_stderr: bool) -> None:
    """Each check with its verdict."""
    console = Console(stderr=to_stderr, highlight=False)
    for text, holds in checks.items():
        verdict = "[green]ok[/]" if holds else "[bold red]NO[/]"
        console.print(f"{verdict}  {text}", soft_wrap=True)


def print_advice(reasons: Iterable[str]) -> None:
    """What each reason of a drop means, and what to do; on stdout, as wide as the letters."""
    for line in _advice(REASONS, reasons):
        print("\n".join(wrap(line, _columns(), subsequent_indent=_INDENT)))


def print_letters(rows: Sequence[Sequence[str]]) -> None:
    """Dead letters on stdout, each a few lines that fit: 80 columns where it is no terminal.

    Args:
        rows: the words of each letter by lines, the first one for the eye that looks for it.
    """
    columns = _columns()
    print(f"{len(rows):,} dead letters")
    for first, *more in rows:
        print("\n".join(wrap(first, columns, subsequent_indent=_INDENT)))
        for line in filter(None, more):
            lines = wrap(line, columns, initial_indent=_INDENT, subsequent_indent=_INDENT * 2)
            print("\n".join(lines))


def _columns() -> int:
    return get_terminal_size((_USUAL_WIDTH, 24)).columns if sys.stdout.isatty() else _USUAL_WIDTH


def print_last_words(books: Books, arrived: int, of: int, what: str = "events") -> None:
    """The last line on stderr, where not all is well: how many arrived, and why not the rest."""
    count = f"{arrived:,} of {of:,} {what}"
    if books.interrupted:
        print_error(f"interrupted: {count} had arrived" + (f"; {books.cause}" * bool(books.cause)))
    elif books.given_up:
        print_error(f"given up, since nothing arrives any more ({count} did): {books.cause}")
    elif arrived < of:
        print_error(f"{count} arrived: {_why(books)}")


def _why(books: Books) -> str:
    """What fails at an endpoint; else what became of the rest, by the ledger's words."""
    if books.cause:
        return books.cause
    ledger = books.ledger
    ends = {**ledger.refused, **ledger.dropped}
    counts = ", ".join(f"{end} {count:,}" for end, count in sorted(ends.items()) if count)
    return f"{counts}; above is what to do"


def _tree(books: Books) -> Table:
    table = Table(title=f"The tree, {books.status.restarts} restarts", title_justify="left")
    table.add_column("actor")
    table.add_column("state")
    table.add_column("incarnation", justify="right")
    table.add_column("restarts", justify="right")
    for node in books.status.tree:
        *above, name = node.path.split("/")
        indented = "  " * (len(above) + bool(node.path)) + (name or "root")
        style = "bold" if node.restarts else None
        table.add_row(indented, node.state, str(node.incarnation), str(node.restarts), style=style)
    return table


def _ledger(books: Books) -> Table:
    ledger = books.ledger
    table = Table(title="The books", title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    refused = sum(ledger.refused.values())
    table.add_row(
        "emitted = accepted + refused",
        f"{ledger.emitted:,} = {ledger.accepted:,} + {refused:,}{_reasons(ledger.refused)}",
    )
    dropped = sum(ledger.dropped.values())
    table.add_row(
        "accepted = exported + duplicate\n  + dropped + in flight",
        f"{ledger.accepted:,} = {ledger.exported:,} + {ledger.duplicate:,} + {dropped:,} + "
        f"{ledger.in_flight:,}{_reasons(ledger.dropped)}",
    )
    return table


def _signals(books: Books) -> Table:
    signals = books.ledger.signals
    table = Table(title="Signals", title_justify="left")
    for heading in ("", "made", "exported", "dropped", "in flight"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, line in (("logs", signals.logs), ("spans", signals.spans)):
        table.add_row(
            name,
            f"{line.made:,}",
            f"{line.exported:,}",
            f"{sum(line.dropped.values()):,}{_reasons(line.dropped)}",
            f"{line.in_flight:,}",
        )
    measurements = signals.measurements
    left_out = f", {measurements.left_out:,} left out" if measurements.left_out else ""
    table.add_row(
        "measurements", f"{measurements.made:,}", f"{measurements.recorded:,} recorded{left_out}"
    )
    return table


def _lines_of_advice(books: Books) -> Iterator[str]:
    """Of whatever was refused, dropped or not given."""
    ledger = books.ledger
    lines = (ledger.signals.logs, ledger.signals.spans, ledger.signals.bridge)
    dropped = Counter(ledger.dropped)
    for line in lines:
        dropped.update(line.dropped)
    yield from _advice(ADMISSIONS, +Counter(ledger.refused))
    yield from _advice(REASONS, +dropped)
    yield from _advice(PROVIDER_RESULTS, +Counter(ledger.signals.providers.model_dump()))


def _advice(table: Mapping[str, Meaning], words: Iterable[str]) -> Iterator[str]:
    """In the order of *table*; nothing of words about which there is nothing to do.

    >>> [line.partition(";")[0] for line in _advice(REASONS, ["fork_child", "no_sink"])]
    ['no_sink: there is nowhere to send it']
    """
    wanted = set(words)
    for word, row in table.items():
        if word in wanted and row.is_advice:
            yield f"{word}: {row.meaning}; {row.what_to_do}"


def _reasons(counts: Mapping[str, int]) -> str:
    found = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()) if count)
    return f"  ({found})" if found else ""
