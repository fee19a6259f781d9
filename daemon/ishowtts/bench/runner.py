"""One run of the benchmark, from options to files: the order of things, and what to do when one cannot be had."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from msgspec import structs

from ishowtts import __version__, files
from ishowtts.bench import compare, cost, machine, probe, rows, store, weights, workload
from ishowtts.bench.measure import Stopwatch
from ishowtts.bench.models import SIZES, ModelSize
from ishowtts.bench.options import Options
from ishowtts.bench.ours import Ours
from ishowtts.bench.rows import STOCK, Figure, Missing, Report, Row, Setting
from ishowtts.bench.stock import Stock
from ishowtts.bench.subject import LeftOut, Subject
from ishowtts.bench.table import markdown
from ishowtts.bench.workload import HOP, RATE_HZ, TEXTS, Cell, Reference
from ishowtts.engine.reference_clip import ClipError, read_clip

DONE, REGRESSED, USAGE, REFUSED, FAILED = 0, 1, 2, 4, 6


class Unusable(Exception):
    """The benchmark cannot be run like this; one sentence, and the exit status."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def run(options: Options) -> int:
    """The exit status. Raises Unusable, SetupRequired, BadReport."""
    old = store.read(options.compare) if options.compare else None  # before anything is written over
    until_s = time.monotonic() + 60 * options.minutes
    reference, samples = read_reference(options.reference, options.reference_text)
    device = probe.TorchDevice(options.device)
    size = SIZES[options.model or ("F5TTS_v1_Base" if device.is_cuda else "demo")]
    dtype = "fp16" if device.is_cuda else "fp32"
    meta, peak = describe(device, size, dtype, reference)
    if options.resume:
        report, why = store.resume(options.out, meta)
        note(why)
    else:
        store.set_aside(options.out)
        report = Report(meta=meta)
    setting = Setting(device.name, dtype, size, samples // HOP, peak)
    with tempfile.TemporaryDirectory(prefix="ishowtts-bench-") as folder:
        report = Bench(options, report, setting, device, Path(folder), until_s).measure(reference)
    print(markdown(report))
    note(f"saved in {options.out.resolve()}: bench.json, bench.md")
    return verdict(report, old)


def verdict(report: Report, old: Report | None) -> int:
    if not report.rows:
        return FAILED
    if old is None:
        return DONE
    try:
        changes = compare.compare(report, old)
    except compare.Incomparable as error:
        raise Unusable(str(error), USAGE) from None
    for change in changes:
        print(f"{'REGRESSION' if change.regressed else 'ok'}  {change}")
    return REGRESSED if any(change.regressed for change in changes) else DONE


class Bench:
    """Writes the report after every part, so that an interrupted run loses one cell at most."""

    def __init__(
        self,
        options: Options,
        report: Report,
        setting: Setting,
        device: probe.TorchDevice,
        folder: Path,
        until_s: float,
    ) -> None:
        self._options, self._report, self._setting, self._device = options, report, setting, device
        self._folder, self._until_s = folder, until_s
        self._stopwatch = Stopwatch(device, time.perf_counter)

    def measure(self, reference: Reference) -> Report:
        options = self._options
        todo = [cell for cell in options.cells if not rows.is_done(self._report, cell, self._engines())]
        want_machine = options.machine and not self._report.machine
        if not todo and not want_machine:
            return self._report
        note(f"writing random weights of {self._setting.size.name}")
        weights.write(self._folder, self._setting.size)
        configure = weights.configure(self._folder, reference, options.device, self._setting.dtype)
        machinery = machine.Machine(options.daemon_python, configure, self._folder, self._runs(20, 5))
        os.environ.update(machinery.environment)  # the engine in this process, too, finds what the starts kept
        if want_machine:
            self._measure_machine(machinery)
        if todo:
            subjects = self._prepared([Stock(configure), Ours(configure)])
            if [subject.name for subject in subjects] == [STOCK] != list(options.engines):
                return self._report  # stock alone tells nobody anything
            for cell in todo:
                self._measure_cell(cell, subjects)
        return self._report

    def _engines(self) -> list[str]:
        """Those asked for, without what a resumed report says cannot be had here."""
        absent = {gap.what for gap in self._report.left_out}
        return [name for name in self._options.engines if name not in absent]

    def _measure_machine(self, machinery: machine.Machine) -> None:
        for name, part in machinery.parts():
            self._measure_part(name, part)

    def _measure_part(self, name: str, part: Callable[[], list[Figure]]) -> None:
        note(name)
        try:
            self._check_time()
            figures = part()
        except LeftOut as problem:
            self._leave_out(name, problem)
        else:
            self._save(machine=[*self._report.machine, *figures])
            for figure in figures:
                note(f"  {figure.name}: {figure.value:g} {figure.unit}")

    def _prepared(self, subjects: Sequence[Subject]) -> list[Subject]:
        """Those of the wanted engines that can be had."""
        ready: list[Subject] = []
        for subject in subjects:
            if subject.name not in self._engines():
                continue
            note(f"loading {subject.name}")
            try:
                taken_s = self._stopwatch.prepare(subject)
            except LeftOut as problem:
                self._leave_out(subject.name, problem)
            else:
                note(f"  {taken_s:.1f} s")
                ready.append(subject)
        return ready

    def _measure_cell(self, cell: Cell, subjects: Sequence[Subject]) -> None:
        try:
            self._check_time()
        except LeftOut as problem:
            self._leave_out(f"all: {cell}", problem)
            return
        options = self._options
        timings, failed = self._stopwatch.interleave(
            subjects,
            [TEXTS[cell.text]] * cell.batch,
            cell.nfe,
            warm_ups=options.warm_ups if options.warm_ups is not None else self._by_device(3, 1),
            runs=self._runs(10, 3),
        )
        made = rows.build(self._setting, cell, timings)
        gaps = [Missing(what=f"{name}: {cell}", reason=str(problem)) for name, problem in failed.items()]
        self._report = rows.put(self._report, cell, made, gaps)
        self._save()
        for line in [*map(_line, made), *(f"{gap.what}: {gap.reason}" for gap in gaps)]:
            note(f"  {line}")

    def _runs(self, on_gpu: int, on_cpu: int) -> int:
        return self._options.runs or self._by_device(on_gpu, on_cpu)

    def _by_device(self, on_gpu: int, on_cpu: int) -> int:
        return on_gpu if self._device.is_cuda else on_cpu

    def _check_time(self) -> None:
        if time.monotonic() > self._until_s:
            raise LeftOut(f"the {self._options.minutes:g} minutes were over: go on with --resume.")

    def _leave_out(self, what: str, problem: LeftOut) -> None:
        note(f"  left out, {what}: {problem}")
        self._save(left_out=[*self._report.left_out, Missing(what=what, reason=str(problem))])

    def _save(self, **changes: Any) -> None:
        self._report = structs.replace(self._report, **changes)
        store.write(self._options.out, self._report)


def read_reference(audio: str, text: str) -> tuple[Reference, int]:
    """The clip, and how many samples it has at the models' rate. Raises Unusable."""
    path = files.resolve(audio or workload.REFERENCE_AUDIO, Path.cwd())
    if not audio and not path.exists():
        raise Unusable(
            "f5-tts's English clip is not on this machine: give --reference WAV and --reference-text WORDS.", REFUSED
        )
    try:
        wave, rate = read_clip(str(path))
    except ClipError as error:
        raise Unusable(str(error), USAGE) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    reference = Reference(str(path), text or workload.REFERENCE_TEXT, round(len(wave) / rate, 3), digest)
    return reference, -(-len(wave) * RATE_HZ // rate)


def describe(
    device: probe.TorchDevice, size: ModelSize, dtype: str, reference: Reference
) -> tuple[dict[str, Any], cost.Peak]:
    """The report's meta, and the peak rate that rooflines are drawn at."""
    note("measuring the matrix product")
    probed_tflops = probe.product_tflops(device, dtype)
    peak = probe.peak(device, dtype, probed_tflops)
    clocks = probe.clocks()  # right after the load: an idle clock says nothing
    meta: dict[str, Any] = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "device": device.name,
        "model": size.name,
        "weights": "random",
        "dtype": dtype,
        "versions": {"ishowtts": __version__, **probe.versions()},
        "driver": clocks.pop("driver_version", ""),
        "clocks": clocks,
        "warning": probe.warning(device, clocks),
        "reference_s": reference.seconds,
        "reference_text": reference.text,
        "reference_sha256": reference.sha256,
        "texts": TEXTS,
        "probe_tflops": round(probed_tflops, 4),
        "peak": {"tflops": round(peak.tflops, 4), "source": peak.source},
        "code": store.code_hash(Path(__file__).parent.parent),
    }
    return {**meta, "fingerprint": store.fingerprint(meta)}, peak


def note(text: str) -> None:
    """Progress, for whoever watches; the table is for standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _line(row: Row) -> str:
    ratio = "" if row.ratio_to_stock is None else f", x{row.ratio_to_stock:.2f} stock"
    batch = f" batch {row.batch}" if row.batch > 1 else ""
    times = f"{row.median_ms:.1f} ms +- {100 * row.spread:.1f} %, RTF {row.rtf:.4f}"
    return f"{row.text} NFE {row.nfe}{batch} {row.engine}: {times}{ratio}, roofline {row.roofline_ms:.3g} ms"
