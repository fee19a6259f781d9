"""config/ishowtts.yaml and config.py say the same, key by key, and the files we ship are good."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from ishowtts import config

FOLDER = Path(__file__).parent.parent / "config"


def test_the_shipped_file_shows_every_default() -> None:
    tree = yaml.safe_load((FOLDER / "ishowtts.yaml").read_text(encoding="utf-8"))
    assert tree == msgspec.json.decode(msgspec.json.encode(config.Config()))


def test_every_key_of_the_shipped_file_has_a_comment() -> None:
    lines = (FOLDER / "ishowtts.yaml").read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if line.startswith("  ") and not line.startswith("    ")]
    assert keys
    assert not [line for line in keys if " # " not in line]


@pytest.mark.parametrize("name", ["ishowtts.yaml", "development.yaml"])
def test_shipped_files_load(name: str) -> None:
    assert config.load(FOLDER / name).synthesis.nfe == 7
