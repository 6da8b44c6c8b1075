"""Usage over time as a file, written piece by piece: the longest history takes no more memory than a month."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import IO, Final

from .core.models import Snapshot
from .core.query import UsageQuery, sql, usage

type Row = Mapping[str, object]

_FORMULA: Final = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet takes for the beginning of a formula, the wide forms of East Asia included."""


def write_usage(path: Path, form: str, *, ledger: Path, query: UsageQuery, snapshot: Snapshot) -> int:
    """Write usage to a file, which is there as a whole or not at all; return the number of rows.

    Blocking. Raises StoreError for the ledger, OSError for the file, ValueError for a name that no file can have.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of its own, for whoever writes the same file at the same time.
    partial = path.with_name(f".{path.name}.{token_hex(4)}.partial")
    try:
        with partial.open("x", encoding="utf-8", newline="") as file:
            count = FORMATS[form](
                file, usage.usage_columns(query), usage.usage_rows(snapshot, query, sql.usage(ledger, query))
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def write_csv(file: IO[str], columns: Iterable[str], rows: Iterator[Row]) -> int:
    """Write rows as comma-separated values (RFC 4180); return how many."""
    writer, count = csv.writer(file), 0
    writer.writerow(columns)
    for count, row in enumerate(rows, 1):  # noqa: B007 - the number of the last is returned
        writer.writerow(map(_cell, row.values()))
    return count


def _cell(value: object) -> object:
    """Return a value as a spreadsheet shows it: an apostrophe before a name that it would take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_json_lines(file: IO[str], columns: Iterable[str], rows: Iterator[Row]) -> int:  # noqa: ARG001
    """Write each row as a line of JSON; return how many."""
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the number of the last is returned
        file.write(f"{json.dumps(row, ensure_ascii=False)}\n")
    return count


FORMATS: Final[Mapping[str, Callable[[IO[str], Iterable[str], Iterator[Row]], int]]] = {
    "csv": write_csv,
    "jsonl": _write_json_lines,
}
"""What a file can be written as."""
