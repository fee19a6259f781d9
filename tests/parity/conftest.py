"""Parity with stock f5-tts: the same random weights in both, in fp32, on the CPU. Runs in .venv-reference."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("f5_tts.model", reason="stock f5-tts is not in this environment: run `make test-parity`")

import torch


@pytest.fixture(autouse=True)
def _one_result() -> None:
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
