"""What a person reads, and what a later run is held against."""

from __future__ import annotations

import pytest
from msgspec import structs

from ishowtts.bench import compare
from ishowtts.bench.rows import Figure, Missing
from ishowtts.bench.table import markdown
from ishowtts.bench.workload import Cell

from .tables import report, rows


def test_the_markdown_has_every_row_under_its_column() -> None:
    full = structs.replace(
        report(
            *rows(Cell("14s", 7), ishowtts=[40]),
            *rows(stock=[400], ishowtts=[20]),
            peak={"tflops": 750.0, "source": "a table"},
            clocks={"clocks.sm": "1980 MHz", "none": ""},
        ),
        machine=[Figure(name="cold start", value=12.5, unit="s")],
        left_out=[Missing(what="ishowtts: 5.7s NFE 7 batch 8", reason="this engine has no batching.")],
    )
    text = markdown(full)
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    head, *body = table[:5]
    assert [row[head.index("engine")] for row in body[1:]] == ["stock", "ishowtts", "ishowtts"]
    assert [row[head.index("text")] for row in body[1:]] == ["5.7s", "5.7s", "14s"]
    assert [row[head.index("x stock")] for row in body[1:]] == ["1.00", "20.00", ""]
    assert [row[head.index("median ms")] for row in body[1:]] == ["400", "20.0", "40.0"]
    assert [row[head.index("GPU MiB")] for row in body[1:]] == ["3", "3", "3"]
    assert {len(row) for row in table[:5]} == {len(head)}
    assert "750 TFLOP/s (a table)" in text
    assert "clocks.sm 1980 MHz\n" in text
    assert "| cold start | 12.5 | s |" in text
    assert "- left out, ishowtts: 5.7s NFE 7 batch 8: this engine has no batching." in text


def test_an_empty_report_has_no_table() -> None:
    assert "|" not in markdown(report())


STEADY = [100.0, 100.5, 99.5, 100.0, 100.0]


@pytest.mark.parametrize(
    ("now", "regressed"),
    [
        (STEADY, False),
        ([run * 1.04 for run in STEADY], False),  # within 5 %
        ([run * 1.06 for run in STEADY], True),
        ([80.0, 106.0, 130.0, 95.0, 118.0], False),  # the median moved, the runs say nothing
        ([run * 0.5 for run in STEADY], False),
    ],
)
def test_slower_by_more_than_noise_is_a_regression(now: list[float], regressed: bool) -> None:
    (change,) = compare.compare(report(*rows(ishowtts=now)), report(*rows(ishowtts=STEADY)))
    assert change.regressed is regressed


def test_stock_is_shown_beside_and_never_a_regression() -> None:
    new = report(*rows(stock=[440], ishowtts=[20]))
    (change,) = compare.compare(new, report(*rows(stock=[400], ishowtts=[20])))
    assert not change.regressed
    assert "(stock: x1.100)" in str(change)
    assert str(change).startswith("5.7s NFE 7: 20 -> 20 ms")


def test_what_cannot_be_compared_is_refused() -> None:
    old = report(*rows(ishowtts=[20]))
    for new in (report(*rows(ishowtts=[20]), device="Orin"), report(*rows(Cell("14s", 7), ishowtts=[20]))):
        with pytest.raises(compare.Incomparable):
            compare.compare(new, old)
