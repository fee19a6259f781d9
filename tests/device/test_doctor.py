"""The doctor's checks of files, torch and the board: each level, with what mends it."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ishowtts import config
from ishowtts.device.snapshot import JtopFailure, JtopView, Snapshot
from ishowtts.doctor import on_board, on_disk, on_torch
from ishowtts.doctor.__main__ import examine
from ishowtts.doctor.check import Check
from tests.boards.tree import Board
from tests.device.conftest import look


def safetensors(path: Path, *, values: int = 4, kept: int | None = None) -> Path:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "__metadata__": {}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(4 * values)
    path.write_bytes(data[:kept])
    return path


@pytest.fixture
def engine(tmp_path: Path) -> config.Engine:
    """A whole set of files."""
    (tmp_path / "vocos").mkdir()
    for name in ("model.yaml", "vocab.txt", "vocos/config.yaml", "vocos/pytorch_model.bin"):
        (tmp_path / name).write_text("x")
    safetensors(tmp_path / "model.safetensors")
    return config.Engine(
        model_config="model.yaml", checkpoint="model.safetensors", vocab="vocab.txt", vocoder="vocos", device="cpu"
    )


def said(check: Check, level: str, *words: str) -> None:
    assert check.level == level, check
    assert all(word in check.text + check.mend for word in words), check
    assert bool(check.mend) == (level != "ok")


def test_a_whole_model(engine: config.Engine, tmp_path: Path) -> None:
    said(on_disk.model(engine, tmp_path), "ok", "model.safetensors")
    said(on_disk.model(config.Engine(kind="fake"), tmp_path), "ok")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("model.yaml", "engine.model_config"),
        ("model.safetensors", "engine.checkpoint"),
        ("vocab.txt", "engine.vocab"),
        ("vocos/config.yaml", "engine.vocoder"),
        ("vocos/pytorch_model.bin", "engine.vocoder"),
    ],
)
def test_a_file_that_is_missing_or_empty(engine: config.Engine, tmp_path: Path, name: str, key: str) -> None:
    (tmp_path / name).write_bytes(b"")
    said(on_disk.model(engine, tmp_path), "fail", key, "is empty")
    (tmp_path / name).unlink()
    said(on_disk.model(engine, tmp_path), "fail", key, "No such file", "put the file there")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is no .safetensors file (a pointer of Git LFS?)"),
        (b"short", "is no .safetensors file"),
        (struct.pack("<Q", 8) + b"not json", "has a header that cannot be read"),
        (struct.pack("<Q", 2) + b"[]", "has a header that cannot be read"),
        (struct.pack("<Q", 7) + b'{"a":1}', "has a header that cannot be read"),
    ],
)
def test_weights_that_are_none(engine: config.Engine, tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    said(on_disk.model(engine, tmp_path), "fail", says, "download it again")


def test_a_download_that_broke_off(engine: config.Engine, tmp_path: Path) -> None:
    whole = safetensors(tmp_path / "model.safetensors").stat().st_size
    safetensors(tmp_path / "model.safetensors", kept=whole - 1)
    said(on_disk.model(engine, tmp_path), "fail", f"has {whole - 1} of {whole} bytes")


def test_voices(tmp_path: Path) -> None:
    settings = config.Voices(folder="voices", default="anna", clips={"anna": config.Clip(audio="anna.wav", text="Hi.")})
    said(on_disk.clips(settings, tmp_path), "warn", "anna", "No such file")
    (tmp_path / "anna.wav").write_bytes(b"RIFF")
    said(on_disk.clips(settings, tmp_path), "ok", "1: anna")
    said(on_disk.clips(config.Voices(folder="voices", clips={}), tmp_path), "fail", "no voice")
    said(
        on_disk.clips(config.Voices(default="bert", clips=settings.clips), tmp_path), "fail", "there is no voice 'bert'"
    )


def test_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "etc/ishowtts/ishowtts.yaml"
    said(on_disk.settings(file)[1], "fail", "cannot be read")
    monkeypatch.setenv("ISHOWTTS_ROOT", str(tmp_path))
    said(on_disk.settings(file)[1], "ok", "all defaults")
    file.parent.mkdir(parents=True)
    file.write_text("synthesis: {nfee: 7}")
    said(on_disk.settings(file)[1], "fail", "did you mean `synthesis.nfe`?", "--check-config")
    file.write_text("server: {user_group: no-such-group}")
    said(on_disk.settings(file)[1], "fail", "'no-such-group'", "groupadd")
    file.write_text("server: {user_group: root}")
    said(on_disk.settings(file)[1], "ok", f"good: {file}")


@pytest.mark.parametrize(("limits", "level"), [((0, 0), "ok"), ((1 << 60, 0), "warn"), ((1 << 60, 1 << 60), "fail")])
def test_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limits: tuple[int, int], level: str) -> None:
    monkeypatch.setattr(on_disk, "LOW_DISK_BYTES", limits[0])
    monkeypatch.setattr(on_disk, "FULL_DISK_BYTES", limits[1])
    said(on_disk.room(tmp_path, "not/yet/there"), level, f"at {tmp_path}")


GPU: dict[str, Any] = {
    "torch": "2.8.0", "cuda": "12.6", "gpu": "Orin", "needs": "sm_87", "archs": ["sm_87"], "problem": "",
}  # fmt: skip
CPU_BUILD = {**GPU, "cuda": None, "gpu": None}
NO_GPU = {**GPU, "gpu": None}
WRONG = {**GPU, "archs": ["sm_80", "sm_90"], "problem": "CUDA error: no kernel image is available"}


@pytest.mark.parametrize(
    ("answer", "device", "jetson", "level", "says"),
    [
        (GPU, "auto", True, "ok", "CUDA 12.6 on Orin (sm_87)"),
        (GPU, "cuda:0", False, "ok", "CUDA 12.6"),
        (CPU_BUILD, "cpu", True, "ok", "not needed"),
        (CPU_BUILD, "auto", True, "fail", "install NVIDIA's torch for this JetPack"),
        (CPU_BUILD, "auto", False, "warn", "speech is slow on the CPU"),
        (CPU_BUILD, "cuda", False, "fail", "is a CPU build"),
        (NO_GPU, "auto", True, "fail", "finds no GPU"),
        (NO_GPU, "auto", False, "warn", "finds no GPU"),
        (WRONG, "auto", True, "fail", "no kernel image is available; it is built for sm_80, sm_90"),
        (WRONG, "auto", False, "fail", "install a torch built for this GPU"),
    ],
)
def test_the_cuda_build(answer: dict[str, Any], device: str, jetson: bool, level: str, says: str) -> None:
    said(on_torch.cuda(answer, device, jetson), level, says)


def test_torch_that_is_not_there(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    [check] = on_torch.checks(config.Engine(python="python"), tmp_path, False)
    said(check, "fail", str(python), "No module named 'torch'", "engine.python")
    [check] = on_torch.checks(config.Engine(python="/nowhere/python"), tmp_path, False)
    said(check, "fail", "/nowhere/python", "cannot be started")
    [check] = on_torch.checks(config.Engine(kind="fake"), tmp_path, False)
    said(check, "ok")


@pytest.mark.torch
def test_this_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    about, build = on_torch.checks(config.Engine(), tmp_path, False)
    said(about, "ok", torch.__version__)
    assert build.level == ("ok" if torch.cuda.is_available() else "warn")


def test_the_board(locked: Board) -> None:
    settings = config.Board()
    said(on_board.board(look(locked), settings), "ok", "trusted: MAXN")
    locked.unlock()
    said(on_board.board(look(locked), settings), "warn", "not locked", "sudo jetson_clocks")
    nothing = Snapshot(0.0)
    said(on_board.board(nothing, settings), "warn", "no Jetson")
    said(on_board.board(nothing, config.Board(accept_unknown=True)), "ok", "accepted by board.accept_unknown")


def test_jtop(locked: Board) -> None:
    snapshot = look(locked)
    view = JtopView("7.2.2", "MAXN", "running", None, None, None, None, None, 0.3)
    said(on_board.jtop(replace(snapshot, jtop=view)), "ok", "7.2.2", "0.3 s old")
    said(on_board.jtop(replace(snapshot, jtop=JtopFailure("version", "Mismatch"))), "warn", "board.jtop_python")
    said(on_board.jtop(replace(snapshot, jtop=JtopFailure("stale", "old"))), "warn", "restart jtop.service")
    said(on_board.jtop(snapshot), "ok", "board.jtop is false")
    said(on_board.jtop(Snapshot(0.0)), "ok", "no Jetson")


def test_everything_is_looked_at_also_with_a_bad_configuration(tmp_path: Path) -> None:
    file = tmp_path / "ishowtts.yaml"
    for text in ("engine: {kind: fake}", "nonsense"):
        file.write_text(text)
        names = [check.name for check in examine(file)]
        assert [name for name in names if name != "cuda"] == [
            "config",
            "torch",
            "model",
            "voices",
            "disk",
            "board",
            "jtop",
        ]


def test_the_program(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("engine: {kind: fake}")
    command = [sys.executable, "-m", "ishowtts.doctor", "--config", str(tmp_path / "c.yaml")]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert text.startswith("ok    config ")
    checks = json.loads(subprocess.run([*command, "--json"], capture_output=True, timeout=120, check=True).stdout)[
        "checks"
    ]
    assert {"name", "level", "text", "mend"} == set(checks[0])
