"""From runs to a row; from rows to a resumed report."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from ishowtts.bench import stats, store, workload
from ishowtts.bench.rows import Missing, build, is_done, put
from ishowtts.bench.workload import Cell

from .tables import CELL, META, SETTING, report, rows, timing


def test_statistics_of_few_runs() -> None:
    assert stats.percentile([4, 1, 3, 2, 5], 0.95) == pytest.approx(4.8)
    assert stats.percentile([7], 0.95) == 7
    assert stats.spread([10, 10, 11, 9, 90]) == pytest.approx(0.1)
    assert stats.spread([5, 5, 5]) == 0


def test_a_row_says_what_was_measured() -> None:
    stock, ours = rows(stock=[400, 420, 410, 500, 405], ishowtts=[20, 21, 20, 22, 20])
    assert (stock.engine, stock.ratio_to_stock, ours.engine) == ("stock", 1.0, "ishowtts")
    assert (ours.median_ms, ours.best_ms, ours.runs_ms) == (20, 20, [20, 21, 20, 22, 20])
    assert ours.p95_ms == pytest.approx(21.8)
    assert ours.ratio_to_stock == pytest.approx(410 / 20)
    assert ours.rtf == pytest.approx(0.020 / 5.7, rel=1e-3)
    assert ours.ms_per_nfe == pytest.approx(20 / 7, rel=1e-4)
    assert (ours.frames, ours.pieces, ours.peak_mib) == (1036, 1, 3)
    assert ours.roofline_ms == pytest.approx(9.1, rel=0.03)
    assert ours.times_roofline == pytest.approx(ours.median_ms / ours.roofline_ms, rel=1e-3)


def test_without_stock_there_is_no_ratio() -> None:
    assert [row.ratio_to_stock for row in rows(ishowtts=[20])] == [None]


def test_pieces_of_a_long_text_and_items_of_a_batch() -> None:
    (long,) = build(SETTING, Cell("60s", 7), {"ishowtts": timing(140, sequences=(1000, 900), audio_s=15)})
    assert (long.pieces, long.frames, long.ms_per_nfe) == (2, 1900, 10)
    (batch,) = build(SETTING, Cell("5.7s", 7, 2), {"ishowtts": timing(140, sequences=(1036, 1036), audio_s=11.4)})
    assert (batch.pieces, batch.batch, batch.ms_per_nfe) == (1, 2, 20)
    assert batch.rtf == pytest.approx(0.14 / 11.4, rel=1e-4)


def test_a_cell_is_done_when_every_engine_has_it() -> None:
    both = report(*rows(stock=[400], ishowtts=[20]))
    assert is_done(both, CELL, ["stock", "ishowtts"])
    assert not is_done(both, Cell("5.7s", 8), ["ishowtts"])
    assert not is_done(report(*rows(ishowtts=[20])), CELL, ["stock", "ishowtts"])


def test_a_cell_that_is_measured_again_replaces_its_rows_and_gaps() -> None:
    other = rows(Cell("14s", 7), ishowtts=[40])
    old = put(report(*other), CELL, rows(ishowtts=[20]), [Missing(what=f"stock: {CELL}", reason="not there")])
    new = put(old, CELL, rows(stock=[400], ishowtts=[19]), [])
    assert [(row.text, row.median_ms) for row in new.rows] == [("14s", 40), ("5.7s", 400), ("5.7s", 19)]
    assert new.left_out == []


def test_an_interrupted_report_is_resumed(tmp_path: Path) -> None:
    store.write(tmp_path, report(*rows(stock=[400], ishowtts=[20]), date="yesterday"))
    resumed, why = store.resume(tmp_path, {**META, "date": "today"})
    assert is_done(resumed, CELL, ["stock", "ishowtts"])
    assert (resumed.meta["date"], "2 rows are kept" in why) == ("today", True)
    assert not list(tmp_path.glob(".*"))


def test_gaps_are_tried_again_but_not_a_stock_that_is_not_there(tmp_path: Path) -> None:
    gaps = [Missing(what="stock", reason="no"), Missing(what=f"ishowtts: {CELL}", reason="no")]
    store.write(tmp_path, structs.replace(report(), left_out=gaps))
    assert store.resume(tmp_path, META)[0].left_out == gaps[:1]


def test_another_machine_or_code_starts_anew_and_keeps_the_old_file(tmp_path: Path) -> None:
    store.write(tmp_path, report(*rows(ishowtts=[20])))
    resumed, why = store.resume(tmp_path, {**META, "fingerprint": "g", "dtype": "fp32"})
    assert resumed.rows == []
    assert "another dtype" in why
    assert store.read(tmp_path / "bench.previous.json").rows
    assert not (tmp_path / "bench.json").exists()


def test_the_fingerprint_follows_what_the_times_depend_on() -> None:
    assert store.fingerprint({**META, "date": "a", "clocks": 1}) == store.fingerprint({**META, "date": "b"})
    for name in ("device", "model", "dtype", "versions", "driver", "reference_sha256", "reference_text", "code"):
        assert store.fingerprint({**META, name: "another"}) != store.fingerprint(META), name


def test_the_code_hash_follows_the_engine(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "schedules.py").write_text("a = 1")
    (tmp_path / "engine" / "model.py").write_text("b = 1")
    before = store.code_hash(tmp_path)
    (tmp_path / "engine" / "model.py").write_text("b = 2")
    assert store.code_hash(tmp_path) != before


def test_a_file_that_is_no_report_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"rows": [{"engine": 3}]}')
    for name, words in (("x.json", "is no saved benchmark"), ("y.json", "No such file")):
        with pytest.raises(store.BadReport, match=words):
            store.read(tmp_path / name)


def test_the_cells() -> None:
    quick, full = workload.cells(quick=True), workload.cells(quick=False)
    assert quick[:3] == [Cell("5.7s", 7), Cell("14s", 7), Cell("5.7s", 7, 8)] == full[:3]
    assert set(quick) < set(full)
    assert len(full) == len(set(full))
    wanted = {Cell(text, nfe) for text in workload.TEXTS for nfe in (6, 7, 8, 16, 32)}
    assert wanted | {Cell("5.7s", 7, batch) for batch in (2, 4, 8)} <= set(full)
    assert workload.cells(quick=False, texts=["14s"], nfes=[7], batches=[1]) == [Cell("14s", 7)]


def test_the_texts_last_as_long_as_their_names_say() -> None:
    reference_bytes = len(workload.REFERENCE_TEXT.encode()) + 2  # upstream's two spaces
    for name, text in workload.TEXTS.items():
        frames = workload.sequence_frames(499, reference_bytes, len(text.encode())) - 499
        assert frames * workload.HOP / workload.RATE_HZ == pytest.approx(float(name[:-1]), rel=0.06)
