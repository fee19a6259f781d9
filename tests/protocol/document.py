"""PROTOCOL.md as data: its sections and the tables in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Table = list[dict[str, str]]


@dataclass(frozen=True)
class Document:
    text: str

    def section(self, title: str) -> str:
        """The body of the one `## N. title` section."""
        parts = re.split(r"^## \d+\. (.*)$", self.text, flags=re.MULTILINE)
        found = [body for name, body in zip(parts[1::2], parts[2::2], strict=True) if name == title]
        assert len(found) == 1, f"PROTOCOL.md has {len(found)} sections {title!r}"
        return found[0]

    def ops(self, title: str) -> dict[str, str]:
        """The bodies of the `### op `name`` parts of a section."""
        parts = re.split(r"^### op `([a-z.]+)`$", self.section(title), flags=re.MULTILINE)
        assert len(set(parts[1::2])) == len(parts[1::2]), f"an op stands twice in {title!r}"
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def table(self, title: str, first_column: str) -> Table:
        """The one table of a section whose first column has this name."""
        return only(tables(self.section(title)), lambda table: next(iter(table[0])) == first_column)


def tables(text: str) -> list[Table]:
    """Every table: rows as {column: cell}."""
    return list(_tables(text.splitlines()))


def only(found: list[Table], wanted: Callable[[Table], bool]) -> Table:
    chosen = [table for table in found if wanted(table)]
    assert len(chosen) == 1, f"{len(chosen)} such tables"
    return chosen[0]


def code(cell: str) -> str:
    """The cell without its backticks; it must have them."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    assert match, f"{cell!r} should be in backticks"
    return match[1]


def _tables(lines: list[str]) -> Iterator[Table]:
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            head, rule, *body = rows
            assert set("".join(rule)) == {"-"}, rule
            yield [dict(zip(head, row, strict=True)) for row in body]
            rows = []
