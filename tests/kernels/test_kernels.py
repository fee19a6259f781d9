"""The Triton kernels against plain torch: on a GPU where there is one, else in Triton's interpreter on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("triton", reason="torch came without Triton")

from ishowtts.engine.ops import Norms, TorchOps
from ishowtts.engine.ops_triton import TritonOps

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TOLERANCE = 2e-3  # fp16's rounding of the results
PLAIN, OURS = TorchOps(), TritonOps(torch.device(DEVICE), multiprocessors=132)
EVEN, UNEVEN = 16, (31, 23)  # multiprocessors that 4 x 4 x 2 or 4 x 3 x 2 tiles of attention fill well, and badly
HALF = {"dtype": torch.float16, "device": DEVICE}
FRAMES, LENGTHS = 96, [96, 70, 64, 1]


def relative_l2(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape).to(**HALF)


def lengths() -> Tensor:
    return torch.tensor(LENGTHS, dtype=torch.int32, device=DEVICE)


def within(x: Tensor) -> Tensor:
    """Only the frames inside each row's length count."""
    return torch.cat([x[i, :length] for i, length in enumerate(LENGTHS)])


@pytest.mark.parametrize("d", [256, 768])
def test_norms(d: int) -> None:
    x, h, gate, scale, shift = random(2, 9, d), random(2, 9, d), random(d), random(d), random(d)
    exact = [t.float() for t in (x, h, gate, scale, shift)]
    assert relative_l2(OURS.norm(x, scale, shift).float(), PLAIN.norm(exact[0], *exact[3:])) <= TOLERANCE
    total, normed = OURS.add_norm(x.clone(), h, gate, scale, shift)
    exact_total, exact_normed = PLAIN.add_norm(*exact)
    assert relative_l2(total.float(), exact_total) <= TOLERANCE
    assert relative_l2(normed.float(), exact_normed) <= TOLERANCE


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize(("heads", "turning", "multiprocessors"), [(4, 4, UNEVEN[0]), (3, 1, UNEVEN[1]), (3, 1, EVEN)])
def test_attention(heads: int, turning: int, multiprocessors: int, *, normed: bool) -> None:
    ours = TritonOps(torch.device(DEVICE), multiprocessors)
    qkv = random(len(LENGTHS), FRAMES, 3, heads, 64)
    qkv[1, LENGTHS[1] :] = 60000.0  # what lies beyond a row's length must not matter
    angles = torch.rand(FRAMES, 1, 32) * 6 if turning == heads else torch.rand(FRAMES, heads, 32) * 6
    turns = torch.polar(torch.ones_like(angles), angles).to(DEVICE)
    norms = Norms(random(64), random(64)) if normed else None
    exact_norms = Norms(norms.q.float(), norms.k.float()) if norms else None
    exact = PLAIN.attend(qkv.float(), turns, exact_norms, lengths())
    first = ours.attend(qkv.clone(), turns, norms, lengths())
    made = ours.attend(qkv.clone(), turns, norms, lengths())  # again: what they count with must be as before
    assert torch.equal(made, first)
    assert torch.isfinite(made).all()
    assert relative_l2(within(made).float(), within(exact)) <= TOLERANCE


@pytest.mark.parametrize("d", [128, 256, 768])
def test_position_convolution(d: int) -> None:
    conv = nn.Conv1d(d, d, 31, padding=15, groups=16).to(**HALF).requires_grad_(False)
    x = random(len(LENGTHS), FRAMES, d)
    exact_conv = nn.Conv1d(d, d, 31, padding=15, groups=16).to(DEVICE).requires_grad_(False)
    exact_conv.load_state_dict(conv.state_dict())
    exact = PLAIN.conv_mish(x.float(), PLAIN.convolution(exact_conv), exact_conv.bias, lengths())
    made = OURS.conv_mish(x, OURS.convolution(conv), conv.bias, lengths())
    assert relative_l2(made.float(), exact) <= TOLERANCE


@pytest.mark.parametrize("guided", [False, True])
def test_euler_step(*, guided: bool) -> None:
    y, v = torch.randn(2, 33, 100, device=DEVICE), random(4 if guided else 2, 33, 100)
    dt = torch.tensor(0.3, device=DEVICE)
    cfg = torch.tensor(2.0, device=DEVICE) if guided else None
    exact = y.clone()
    PLAIN.advance(exact, v.float(), dt, cfg)
    OURS.advance(y, v, dt, cfg)
    assert relative_l2(y, exact) <= 1e-6


@pytest.mark.skipif(DEVICE == "cpu", reason="the interpreter has no cuBLASLt epilogue")
def test_linear_gelu() -> None:
    linear = nn.Linear(256, 512).to(**HALF).requires_grad_(False)
    x = random(2, 33, 256)
    assert relative_l2(OURS.linear_gelu(x, linear), PLAIN.linear_gelu(x, linear)) <= TOLERANCE
