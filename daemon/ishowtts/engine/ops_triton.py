"""The DiT's parts between its matrix products as Triton kernels. Same interface and results as ops.TorchOps."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor, nn

from ishowtts.engine import kernels
from ishowtts.engine.ops import EPS, Norms, by_tap

_LOG2_E = 1.4426950408889634


class TritonOps:
    """For CUDA GPUs in fp16 or bf16. Block sizes: the best of those tried on an H200 (docs/benchmarks)."""

    name = "triton"
    granularity = 32

    def compiled(self) -> int:
        return sum(_compiled(kernel) for kernel in vars(kernels).values() if hasattr(kernel, "device_caches"))

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
            x, h, gate, scale, shift, total, out, d, EPS, ADD=add, D=triton.next_power_of_2(d), num_warps=4
        )

    def attend(self, qkv: Tensor, turns: Tensor, norms: Norms | None, lengths: Tensor | None) -> Tensor:
        b, n, _, h, w = qkv.shape
        assert lengths is not None, "buckets have lengths"
        pairs, normed = torch.view_as_real(turns), norms is not None
        q_weight, k_weight = (pairs, pairs) if norms is None else (norms.q, norms.k)
        kernels.ready_kernel[(b * n, 2)](
            qkv, pairs, q_weight, k_weight, n, turns.shape[1], w**-0.5 * _LOG2_E, EPS,
            NORM=normed, H=h, W=w, HEADS=triton.next_power_of_2(h), num_warps=4,
        )  # fmt: skip
        out = qkv.new_empty(b, n, h * w)
        kernels.attention_kernel[(triton.cdiv(n, 64), h, b)](
            qkv, lengths, out, n, H=h, W=w, M=64, N=64, STAGES=3, num_warps=4
        )
        return out

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
