"""The configuration's layers where the package is installed: code, package, setup, people; the last word wins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ishowtts import config, places
from ishowtts.config import Config, ConfigError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> places.Places:
    monkeypatch.setenv("ISHOWTTS_ROOT", str(tmp_path))
    found = places.here()
    assert found is not None
    return found


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def put_runtime(package: places.Places, name: str, text: str) -> Path:
    """A runtime of setup's, made the one in use."""
    put(package.runtimes / name / "ishowtts.yaml", text)
    python = put(package.runtimes / name / "bin/python", "")
    package.current.unlink(missing_ok=True)
    package.current.symlink_to(name)
    return python


def test_each_layer_goes_over_the_one_below(package: places.Places) -> None:
    put(package.defaults, "engine: {checkpoint: demo:1, vocab: demo:1, vocoder: demo:1, threads: 1}")
    put_runtime(package, "abc", "engine: {vocab: setup, vocoder: setup, threads: 2}")
    put(package.config, "engine: {vocoder: people, threads: 3}")
    put(package.config.parent / "conf.d/10.yaml", "engine: {threads: 4}")
    engine = config.load(package.config).engine
    assert (engine.checkpoint, engine.vocab, engine.vocoder, engine.threads) == ("demo:1", "setup", "people", 4)
    assert engine.model_config == Config().engine.model_config


def test_the_files_in_their_order(package: places.Places) -> None:
    assert config.layers(package.config) == []
    files = [
        put(package.defaults, ""),
        put_runtime(package, "abc", "").parent.parent / "ishowtts.yaml",
        put(package.config, ""),
        put(package.config.parent / "conf.d/10.yaml", ""),
    ]
    assert [file.resolve() for file in config.layers(package.config)] == files


def test_all_of_them_may_be_missing_but_a_file_that_was_named(package: places.Places) -> None:
    assert config.load(package.config) == Config()
    package.runtimes.mkdir(parents=True)
    package.current.symlink_to("gone")
    assert config.load(package.config) == Config()
    with pytest.raises(ConfigError, match=r"other\.yaml: cannot be read: No such file"):
        config.load(package.config.with_name("other.yaml"))


@pytest.mark.parametrize("layer", ["defaults", "fragment", "config"])
def test_an_error_names_the_layer_and_the_key(package: places.Places, layer: str) -> None:
    put(package.defaults, "synthesis: {nfe: 6}")
    put_runtime(package, "abc", "synthesis: {nfe: 6}")
    put(package.config, "")
    file = getattr(package, layer)
    file.write_text("synthesis: {nfe: 0}")
    with pytest.raises(ConfigError) as caught:
        config.load(package.config)
    assert str(caught.value) == f"{file}: synthesis.nfe: expected `int` >= 1"


def test_a_checkout_reads_nothing_of_an_installed_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ISHOWTTS_ROOT", raising=False)
    assert places.here() is None
    assert config.layers(put(tmp_path / "a.yaml", "")) == [tmp_path / "a.yaml"]
    assert places.engine_python("", tmp_path) == sys.executable


def test_the_engines_python(package: places.Places, tmp_path: Path) -> None:
    assert places.engine_python("", tmp_path) == sys.executable
    python = put_runtime(package, "abc", "")
    assert places.engine_python("", tmp_path) == str(python), "the runtime itself, not the link that may change"
    assert places.engine_python("venv/bin/python", tmp_path) == f"{tmp_path}/venv/bin/python"


def test_check_config_shows_the_files_read(package: places.Places) -> None:
    command = [sys.executable, "-m", "ishowtts", "--check-config"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert (run.returncode, run.stdout) == (0, f"all defaults: {package.config} is not there\n"), run.stderr
    put(package.defaults, "synthesis: {nfe: 6}")
    put(package.config, "")
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert (run.returncode, run.stdout) == (0, f"{package.defaults}: good\n{package.config}: good\n"), run.stderr
