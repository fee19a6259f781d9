"""What the DiT does between its matrix products, behind one interface: plain torch here, Triton in ops_triton.py.

Shapes: b rows, n frames, d model width, h heads of width w. ``lengths`` (int32 [b]) are the frames of each row; None
means that every row is full. Frames beyond a row's length hold finite numbers that reach no other frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-6
POSITION_KERNEL, POSITION_GROUPS = 31, 16  # f5_tts/model/modules.py, ConvPositionEmbedding


@dataclass(frozen=True)
class Norms:
    """Weights [w] of the RMS norms on queries and keys."""

    q: Tensor
    k: Tensor


class Ops(Protocol):
    """Frames are handed over in multiples of ``granularity``; ``convolution`` readies a layer for ``conv_mish``."""

    name: str
    granularity: int

    def compiled(self) -> int:
        """Kernels compiled so far in this process."""

    def norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """LayerNorm(x) * scale + shift; scale and shift [d]."""

    def add_norm(self, x: Tensor, h: Tensor, gate: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """x + gate * h, and that one's norm. May reuse x's memory."""

    def attend(self, qkv: Tensor, turns: Tensor, norms: Norms | None, lengths: Tensor | None) -> Tensor:
        """[b, n, 3, h, w] -> [b, n, h * w]: rotary attention. ``turns`` [n, h or 1, w / 2] are cos + i sin."""

    def linear_gelu(self, x: Tensor, linear: nn.Linear) -> Tensor:
        """GELU (tanh form) of the projection."""

    def advance(self, y: Tensor, v: Tensor, dt: Tensor, cfg: Tensor | None) -> None:
        """y += dt * v in place, y fp32 [b, n, mel]; with ``cfg`` v has 2 b rows and is guided first."""

    def convolution(self, conv: nn.Conv1d) -> Tensor:
        """The weight of a grouped convolution in the layout that ``conv_mish`` takes."""

    def conv_mish(self, x: Tensor, weight: Tensor, bias: Tensor, lengths: Tensor | None) -> Tensor:
        """mish(conv(x)) over frames [b, n, d], zero beyond each row's length, before and after."""


class TorchOps:
    """For the CPU, and for a GPU without Triton."""

    name = "torch"
    granularity = 1
    _BLOCK = 8  # frames made by one product: the best of 4, 8, 16, 32 on the CPU

    def compiled(self) -> int:
        return 0

    def norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return F.layer_norm(x, (x.shape[-1],), scale, shift, EPS)

    def add_norm(self, x: Tensor, h: Tensor, gate: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.addcmul(x, gate, h)
        return x, self.norm(x, scale, shift)

    def attend(self, qkv: Tensor, turns: Tensor, norms: Norms | None, lengths: Tensor | None) -> Tensor:
        q, k, v = qkv.unbind(2)
        if norms is not None:
            q, k = _rms_norm(q, norms.q), _rms_norm(k, norms.k)
        q, k, v = (x.transpose(1, 2) for x in (_turn(q, turns), _turn(k, turns), v))
        keys = None if lengths is None else _inside(lengths, qkv.shape[1])[:, None, None]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=keys)
        return attended.transpose(1, 2).flatten(2)

    def linear_gelu(self, x: Tensor, linear: nn.Linear) -> Tensor:
        return F.gelu(linear(x), approximate="tanh")

    def advance(self, y: Tensor, v: Tensor, dt: Tensor, cfg: Tensor | None) -> None:
        v = v.float()
        if cfg is not None:
            cond, uncond = v.chunk(2)
            v = cond + (cond - uncond) * cfg
        y += dt * v

    def convolution(self, conv: nn.Conv1d) -> Tensor:
        """[groups, (block + kernel - 1) * in, block * out]: a Toeplitz matrix that makes a block of frames at once.

        A grouped convolution this long and thin runs at a tenth of a matrix product's speed; this costs
        (block + kernel - 1) / kernel of its arithmetic and is still 2 to 4 times as fast.
        """
        taps = by_tap(conv)
        groups, kernel, width, out = taps.shape
        matrix = taps.new_zeros(groups, self._BLOCK + kernel - 1, width, self._BLOCK, out)
        for i in range(self._BLOCK):
            matrix[:, i : i + kernel, :, i] = taps
        return matrix.flatten(3).flatten(1, 2)

    def conv_mish(self, x: Tensor, weight: Tensor, bias: Tensor, lengths: Tensor | None) -> Tensor:
        b, n, d = x.shape
        groups, columns = weight.shape[0], weight.shape[2]
        block = columns * groups // d
        span = weight.shape[1] * groups // d  # frames that one block sees
        outside = None if lengths is None else ~_inside(lengths, n)[..., None]
        x = x if outside is None else x.masked_fill(outside, 0.0)
        blocks, half = -(-n // block), (span - block) // 2
        x = F.pad(x, (0, 0, half, blocks * block - n + half))
        windows = x.unfold(1, span, block).view(b, blocks, groups, d // groups, span)
        windows = windows.permute(2, 0, 1, 4, 3).reshape(groups, b * blocks, -1)
        made = torch.bmm(windows, weight).view(groups, b, blocks, block, d // groups)
        out = _mish(made.permute(1, 2, 3, 0, 4).reshape(b, blocks * block, d)[:, :n] + bias)
        return out if outside is None else out.masked_fill(outside, 0.0)


def by_tap(conv: nn.Conv1d) -> Tensor:
    """The weight of a grouped convolution as [groups, taps, in, out], both of one group."""
    out, width, kernel = conv.weight.shape
    return conv.weight.view(conv.groups, out // conv.groups, width, kernel).permute(0, 3, 2, 1)


def _turn(x: Tensor, turns: Tensor) -> Tensor:
    """Rotary embedding on interleaved pairs, as in x_transformers, in fp32: [b, n, h, w]."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)


def _rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    if x.is_cuda:
        return F.rms_norm(x, x.shape[-1:], weight, EPS)
    # On the CPU torch takes it apart into more passes than these.
    mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1])
    return (x * weight).mul_(mean_square.add_(EPS).rsqrt_())


def _mish(x: Tensor) -> Tensor:
    """x tanh(ln(1 + e^x)), x being given up. With n = e^x (e^x + 2) it is x n / (n + 2); beyond 20 it is x."""
    if x.is_cuda:
        return F.mish(x)
    e = x.clamp(max=20.0).exp_()  # torch's own mish is not vectorised on the CPU: up to 60 ns an element
    n = (e + 2).mul_(e)
    return x.mul_(n).div_(n.add_(2))


def _inside(lengths: Tensor, frames: int) -> Tensor:
    """[b, n], True on the frames of each row."""
    return torch.arange(frames, device=lengths.device)[None] < lengths[:, None]
