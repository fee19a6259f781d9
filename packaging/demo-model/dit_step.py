"""One training step: the flow-matching loss, the optimizer, and on CUDA one graph of it all a batch shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from dit_corpus import Batch, Corpus, assemble
from dit_forward import Forward
from torch import Tensor


class Knobs:
    """What the schedule turns while training runs, as tensors, so that captured graphs see it."""

    def __init__(self, device: torch.device) -> None:
        self.early = torch.ones((), device=device)  # share of t near 0
        self.full = torch.full((), 0.5, device=device)  # share of samples without any audio shown
        self.text_drop = torch.full((), 0.1, device=device)
        self.audio_drop = torch.full((), 0.3, device=device)


@dataclass
class Parts:
    """What the steps of all batch shapes share."""

    forward: Forward
    corpus: Corpus
    optimizer: Any
    knobs: Knobs
    sums: Tensor  # of loss, finite steps and gradient norms since they were last said


def flow_loss(forward: Forward, batch: Batch, knobs: Knobs, *, pairs: bool) -> Tensor:
    mel, device = batch.mel, batch.mel.device
    b, n, _ = mel.shape
    rand = torch.rand(8, b, device=device)
    early = torch.sigmoid(torch.randn(b, device=device) - 1.5)
    t = torch.where(rand[0] < knobs.early, early, rand[1])
    span = _spans(rand[2:6], batch, knobs, pairs=pairs)
    drop_text = rand[6] < knobs.text_drop
    drop_audio = drop_text | (rand[7] < knobs.audio_drop)
    cond = torch.where(span | drop_audio[:, None, None], 0.0, mel)
    noise = torch.randn_like(mel)
    at = t[:, None, None]
    text = forward.text(batch.tokens, batch.count, n, drop_text)
    made = forward.velocity((1 - at) * noise + at * mel, cond, text, t)
    error = (made - (mel - noise)).square().mean(-1, keepdim=True) * span
    return error.sum() / span.sum()


def _spans(rand: Tensor, batch: Batch, knobs: Knobs, *, pairs: bool) -> Tensor:
    """[b, n, 1], true where the audio is hidden: 70-100 % of it, a pair's second half, or all."""
    n, device = batch.mel.shape[1], batch.mel.device
    length = ((0.7 + 0.3 * rand[0]) * n).long()
    start = ((n - length) * rand[1]).long()
    stop = start + length
    if pairs:
        suffix = rand[2] < 0.7
        start, stop = torch.where(suffix, batch.joint, start), torch.where(suffix, n, stop)
    full = rand[3] < knobs.full
    start, stop = torch.where(full, 0, start), torch.where(full, n, stop)
    frame = torch.arange(n, device=device)[None]
    return ((frame >= start[:, None]) & (frame < stop[:, None]))[..., None]


@torch.no_grad()
def gap(forward: Forward, batch: Batch) -> dict[str, float]:
    """Loss on the second utterance at t = 0.05 with the right and with another sample's text, and retrieval at 0."""
    compiled = forward.block, forward.text_block
    forward.use(compiled=False)  # rare, and its shapes would be compiled for themselves
    mel, device = batch.mel, batch.mel.device
    b, n, _ = mel.shape
    noise = torch.randn(mel.shape, device=device, generator=torch.Generator(device).manual_seed(1))
    span = (torch.arange(n, device=device)[None] >= batch.joint[:, None])[..., None].float()
    cond, keep = mel * (1 - span), torch.zeros(b, dtype=torch.bool, device=device)
    right = forward.text(batch.tokens, batch.count, n, keep)
    wrong = forward.text(batch.tokens.roll(1, 0), batch.count.roll(1, 0), n, keep)
    wrong = torch.where(span > 0, wrong, right)
    t = torch.full((b,), 0.05, device=device)

    def loss(text: Tensor) -> float:
        error = forward.velocity(0.95 * noise + 0.05 * mel, cond, text, t) - (mel - noise)
        return float((error.square().mean(-1, keepdim=True) * span).sum() / span.sum())

    a, z = loss(right), loss(wrong)
    ahead = forward.velocity(noise, cond, right, torch.zeros(b, device=device)) + noise
    errors = torch.stack([((ahead - mel[i]).square().mean(-1, keepdim=True) * span).sum((1, 2)) for i in range(b)], 1)
    forward.block, forward.text_block = compiled
    top = float((errors.argmin(1) == torch.arange(b, device=device)).float().mean())
    return {"right": a, "gap_percent": 100 * (z / a - 1), "retrieved": top}


class Step:
    """One training step of one batch shape; on CUDA a captured graph."""

    def __init__(self, size: int, batch: int, pairs: bool, parts: Parts) -> None:
        self.size, self.batch, self.pairs, self.parts = size, batch, pairs, parts
        self.plan = torch.zeros(batch, 5, dtype=torch.long, device=parts.corpus.device)
        self.plan[:, 4] = size
        self.plan[:, 3] = 1
        self.parameters = list(parts.forward.dit.parameters())
        self.graph: Any = None

    def loss(self) -> Tensor:
        kind, parts = self.plan.device.type, self.parts
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda", cache_enabled=False):
            batch = assemble(parts.corpus, self.plan, self.size)
            return flow_loss(parts.forward, batch, parts.knobs, pairs=self.pairs)

    def eager(self) -> None:
        optimizer = self.parts.optimizer
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.loss()
        loss.backward()
        norms = torch.stack(torch._foreach_norm([p.grad for p in self.parameters]))
        size = torch.linalg.vector_norm(norms)
        ok = torch.isfinite(size)
        optimizer.grad_scale.copy_(torch.where(ok, size, 1.0).clamp(min=1.0))
        optimizer.found_inf.copy_((~ok).float())
        optimizer.step()
        self.parts.sums += torch.stack((loss.detach().nan_to_num(), ok.float(), size.nan_to_num(0, 0, 0)))

    def capture(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.eager()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        for parameter in self.parameters:
            parameter.grad = None
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.eager()
        self.graph = graph

    def run(self, plan: Tensor) -> None:
        self.plan.copy_(plan)
        if self.graph is None:
            self.eager()
        else:
            self.graph.replay()
