"""The house holds: layers, a light client, a front without torch, sizes a reader can take in at one sitting."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("daemon/**/*.py"), *ROOT.glob("ctl/**/*.py")])
RECIPE = sorted(ROOT.glob("packaging/demo-model/*.py"))
HEAVY = {"torch", "numpy", "f5_tts", "transformers", "torchaudio", "wandb", "gradio", "safetensors", "pypinyin"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after ``statement``."""
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_client_loads_nothing_heavy() -> None:
    loaded = loaded_by("import ishowctl.__main__, ishowctl.render, ishowctl.metrics")
    assert "zmq" in loaded
    assert not loaded & (HEAVY | {"yaml", "asyncio", "soundfile", "apscheduler", "msgspec", "subprocess"})


def test_the_front_loads_no_torch() -> None:
    loaded = loaded_by("import ishowtts.__main__, ishowtts.app")
    assert not loaded & HEAVY


def test_the_front_loads_nothing_of_the_witnesses() -> None:
    """jtop is AGPL and forks; NVML may hang: both are asked in children."""
    assert not loaded_by("import ishowtts.app, ishowtts.doctor.__main__") & {"jtop", "pynvml", "ctypes"}


@pytest.mark.skipif(not any((Path(p) / "torch").is_dir() for p in sys.path), reason="torch is not installed here")
def test_the_engine_loads_nothing_of_the_training_stack() -> None:
    loaded = loaded_by("import ishowtts.engine.native, ishowtts.engine.worker")
    assert "torch" in loaded
    assert not loaded & {"f5_tts", "transformers", "torchaudio", "wandb", "gradio", "librosa", "zmq"}


@pytest.mark.parametrize("file", [*SOURCES, *RECIPE], ids=lambda file: str(file.relative_to(ROOT)))
def test_sizes(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= 310, "a file should be read in one sitting"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 45, f"{node.name} has {length} lines"


def test_pickle_stays_out() -> None:
    for file in SOURCES:
        text = file.read_text(encoding="utf-8")
        assert "pickle.load" not in text
        assert "recv_pyobj" not in text
        assert text.count("torch.load(") == text.count("weights_only=True"), file


def test_no_index_address_in_lock_files() -> None:
    for file in (ROOT / "packaging/locks").iterdir():
        assert "://" not in file.read_text(encoding="utf-8"), file
