"""The mel that is generated: ours against CFM.sample, relative L2 <= 1e-5."""

from __future__ import annotations

import pytest
import torch

from ishowtts import schedules
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import Item

from .models import BASE, VARIANTS, VOCAB, build, relative_l2

TOLERANCE = 1e-5


def _compare(variant: str, *, nfe: int, cfg: float, ref: int = 40, tokens: int = 30, frames: int = 110) -> float:
    stock, ours = build(variant)
    cond = torch.randn(ref, 100) - 2.5
    text = torch.randint(0, VOCAB, (tokens,))
    theirs, _ = stock.sample(
        cond[None], text[None], frames, steps=nfe, cfg_strength=cfg, sway_sampling_coef=-1.0, seed=11
    )
    item = Item(cond=cond, tokens=text.tolist(), frames=frames, seed=11)
    schedule = schedules.pick(nfe, own_grids=False)
    mel = Sampler(ours).sample([item], schedule, cfg, lambda _done, _total: None)[0]
    assert float(theirs[0, ref:].std()) > 0.1, "the comparison needs a model that does something"
    return relative_l2(mel[ref:], theirs[0, ref:])


@pytest.mark.parametrize("nfe", [5, 6, 7, 16, 32])
@pytest.mark.parametrize("variant", ["v1_base", "v0_base", "all"])
def test_each_schedule(variant: str, nfe: int) -> None:
    assert _compare(variant, nfe=nfe, cfg=2.0) <= TOLERANCE


@pytest.mark.parametrize("nfe", [8, 9, 10, 12])
def test_uniform_where_upstream_has_no_grid(nfe: int) -> None:
    assert _compare("v1_base", nfe=nfe, cfg=2.0) <= TOLERANCE


@pytest.mark.parametrize("cfg", [0.0, 2.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_architecture(variant: str, cfg: float) -> None:
    assert _compare(variant, nfe=7, cfg=cfg) <= TOLERANCE


@pytest.mark.parametrize(
    ("ref", "tokens", "frames"),
    [(40, 30, 41), (1, 1, 8), (200, 120, 700), (40, 90, 60), (40, 30, 20), (33, 33, 66)],
    ids=["one frame", "tiny", "long", "more text than frames", "shorter than the reference", "equal"],
)
@pytest.mark.parametrize("variant", ["v1_base", "v0_base", "average_upsampling"])
def test_each_length(variant: str, ref: int, tokens: int, frames: int) -> None:
    assert _compare(variant, nfe=6, cfg=2.0, ref=ref, tokens=tokens, frames=frames) <= TOLERANCE


def test_the_reference_comes_back_unchanged() -> None:
    _, ours = build("v1_base")
    cond = torch.randn(40, 100)
    mel = Sampler(ours).sample([Item(cond, [1, 2, 3], 90, 1)], schedules.pick(5), 2.0, lambda _done, _total: None)[0]
    assert mel.shape == (90, 100)
    assert torch.equal(mel[:40], cond)


def test_published_shapes_are_compared() -> None:
    """The heads of the comparison are narrower than 64 on purpose; nothing may assume 64."""
    assert BASE["dim_head"] != 64
