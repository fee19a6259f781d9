"""This table against an older one: what became slower by more than noise."""

from __future__ import annotations

from dataclasses import dataclass

from ishowtts.bench.rows import OURS, STOCK, Key, Report, Row, key

TOLERANCE = 0.05  # slower by less is not worth a word
SPREADS = 3.0  # and the difference must exceed this many MADs of both together


class Incomparable(Exception):
    """The two tables are of different things; one sentence."""


@dataclass(frozen=True)
class Change:
    """``ratio`` above 1: slower than before. ``stock_ratio``: stock f5-tts in the same cell, where both have it."""

    row: Row
    old_ms: float
    ratio: float
    regressed: bool
    stock_ratio: float | None = None

    def __str__(self) -> str:
        row, word = self.row, "slower" if self.ratio > 1 else "faster"
        batch = f" batch {row.batch}" if row.batch > 1 else ""
        text = f"{row.text} NFE {row.nfe}{batch}: {self.old_ms:.4g} -> {row.median_ms:.4g} ms"
        text += f", {100 * abs(self.ratio - 1):.1f} % {word}"
        return text if self.stock_ratio is None else text + f" (stock: x{self.stock_ratio:.3f})"


def compare(new: Report, old: Report) -> list[Change]:
    """Our engine's rows that both tables have. Stock's are shown beside: when they moved, so did the machine."""
    for name in ("device", "model", "dtype"):
        if new.meta.get(name) != old.meta.get(name):
            raise Incomparable(f"the old table is of {name} {old.meta.get(name)}, this one of {new.meta.get(name)}.")
    before, after = ({key(row): row for row in report.rows} for report in (old, new))
    changes = []
    for row in new.rows:
        earlier = before.get(key(row))
        if row.engine == OURS and earlier is not None:
            changes.append(_change(row, earlier, _stock_ratio(row, before, after)))
    if not changes:
        raise Incomparable("the two tables have no cell in common.")
    return changes


def _change(row: Row, earlier: Row, stock_ratio: float | None) -> Change:
    noise_ms = SPREADS * (row.spread * row.median_ms + earlier.spread * earlier.median_ms)
    slower_ms = row.median_ms - earlier.median_ms
    regressed = slower_ms > TOLERANCE * earlier.median_ms and slower_ms > noise_ms
    return Change(row, earlier.median_ms, row.median_ms / earlier.median_ms, regressed, stock_ratio)


def _stock_ratio(row: Row, before: dict[Key, Row], after: dict[Key, Row]) -> float | None:
    stock = (STOCK, *key(row)[1:])
    if stock not in before or stock not in after:
        return None
    return after[stock].median_ms / before[stock].median_ms
