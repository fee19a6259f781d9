"""The DiT's parts between its matrix products as Triton kernels. Same interface and results as ops.TorchOps."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor, nn

from ishowtts.engine import kernels
from ishowtts.engine.ops import EPS, Norms, by_tap

_LOG2_E = 1.4426950408889634
_QUERIES = 64  # of one head, made by one program: a tile
_PARTS = 3  # programs that share a tile, where they do
_HEADS_MAX = 4096  # of all rows, where tiles are shared


class TritonOps:
    """For CUDA GPUs in fp16 or bf16. Block sizes: the best of those tried on an H200 (docs/benchmarks)."""

    name = "triton"
    granularity = 32

    def __init__(self, device: torch.device, multiprocessors: int) -> None:
        self._multiprocessors = multiprocessors
        self._arrived = torch.zeros(_HEADS_MAX, dtype=torch.int32, device=device)
        self._attended = False

    def compiled(self) -> int:
        return sum(_compiled(kernel) for kernel in vars(kernels).values() if hasattr(kernel, "device_caches"))

    def _parts(self, heads: int, tiles: int) -> int:
        """Among how many programs the last tile of each head is shared.

        Where a few multiprocessors would have one tile more than the others: that few of ten or less cost 5 to 10 %.
        """
        each, left = divmod(heads * tiles, self._multiprocessors)
        uneven = each < 10 and 0 < left <= 0.3 * self._multiprocessors
        return _PARTS if uneven and heads <= _HEADS_MAX else 1

    def norm(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        out = torch.empty_like(x)
        self._launch_norm(x, x, scale, scale, shift, x, out, add=False)
        return out

    def add_norm(self, x: Tensor, h: Tensor, gate: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        out = torch.empty_like(x)
        self._launch_norm(x, h, gate, scale, shift, x, out, add=True)
        return x, out

    @staticmethod
    def _launch_norm(
        x: Tensor, h: Tensor, gate: Tensor, scale: Tensor, shift: Tensor, total: Tensor, out: Tensor, *, add: bool
    ) -> None:
        d = x.shape[-1]
        kernels.norm_kernel[(x.numel() // d,)](
            x, h, gate, scale, shift, total, out, d, EPS, ADD=add, D=triton.next_power_of_2(d), num_warps=2
        )

    def attend(self, qkv: Tensor, turns: Tensor, norms: Norms | None, lengths: Tensor | None) -> Tensor:
        b, n, _, h, w = qkv.shape
        assert lengths is not None, "buckets have lengths"
        pairs, normed = torch.view_as_real(turns), norms is not None
        q_weight, k_weight = (pairs, pairs) if norms is None else (norms.q, norms.k)
        kernels.ready_kernel[(b * n,)](
            qkv, pairs, q_weight, k_weight, n, w**-0.5 * _LOG2_E, EPS,
            NORM=normed, H=h, W=w, HEADS=triton.next_power_of_2(2 * h), TURNING=turns.shape[1] > 1, num_warps=4,
        )  # fmt: skip
        out = qkv.new_empty(b, n, h * w)
        if not self._attended:  # compile both kinds now, not while somebody waits
            self._attended = True
            self._attend(qkv, lengths, out, 1)
            self._attend(qkv, lengths, out, _PARTS)
        self._attend(qkv, lengths, out, self._parts(b * h, triton.cdiv(n, _QUERIES)))
        return out

    def _attend(self, qkv: Tensor, lengths: Tensor, out: Tensor, parts: int) -> None:
        b, n, _, h, w = qkv.shape
        heads, tiles = b * h, triton.cdiv(n, _QUERIES)
        sums = torch.empty(heads * parts * _QUERIES * (w + 2) if parts > 1 else 1, device=qkv.device)
        kernels.attention_kernel[(heads * (tiles - 1 + parts),)](
            qkv, lengths, out, sums, self._arrived, n, tiles, heads,
            H=h, W=w, M=_QUERIES, N=64, STAGES=3, PARTS=parts, num_warps=4,
        )  # fmt: skip

    def linear_gelu(self, x: Tensor, linear: nn.Linear) -> Tensor:
        rows = x.flatten(0, -2)
        # cuBLASLt's epilogue is the tanh form; anything else would be one more pass.
        out = torch._addmm_activation(linear.bias, rows, linear.weight.T, use_gelu=True)
        return out.view(*x.shape[:-1], -1)

    def advance(self, y: Tensor, v: Tensor, dt: Tensor, cfg: Tensor | None) -> None:
        size = y.numel()
        kernels.advance_kernel[(triton.cdiv(size, 1024),)](
            y, v, dt, dt if cfg is None else cfg, size, GUIDED=cfg is not None, BLOCK=1024
        )

    def convolution(self, conv: nn.Conv1d) -> Tensor:
        """[groups, taps, in, out]."""
        return by_tap(conv).contiguous()

    def conv_mish(self, x: Tensor, weight: Tensor, bias: Tensor, lengths: Tensor | None) -> Tensor:
        b, n, d = x.shape
        groups, taps, width, _ = weight.shape
        assert lengths is not None, "buckets have lengths"
        out = torch.empty_like(x)
        kernels.conv_kernel[(triton.cdiv(n, 128), groups, b)](
            x,
            weight,
            bias,
            lengths,
            out,
            n,
            d,
            TAPS=taps,
            W=width,
            PADDED=max(16, triton.next_power_of_2(width)),
            M=128,
            num_warps=4,
        )
        return out


def _compiled(kernel: Any) -> int:
    """Triton 3.2 and later: device_caches maps a device to a tuple that starts with its compiled kernels."""
    return sum(len(caches[0]) for caches in kernel.device_caches.values())
