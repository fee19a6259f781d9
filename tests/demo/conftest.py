"""The demo model's tests need torch; the modules of its recipe are found by name, as its scripts find them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ishowtts import files

pytest.importorskip("torch", reason="torch is not installed here")

RECIPE = Path(__file__).parents[2] / "packaging" / "demo-model"
sys.path.insert(0, str(RECIPE))


@pytest.fixture(scope="session")
def recipe() -> Path:
    return RECIPE


@pytest.fixture(scope="session")
def demo() -> Path:
    return files.demo_model()
