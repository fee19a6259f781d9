"""Train the demo's DiT: flow matching on single utterances, then on pairs joined as inference joins them.

    train_dit.py DATA OUT --seconds 1000

The module is the engine's own (ishowtts.engine.model.DiT), so the parameter names are; only the forward is written
here, for batches without padding: utterances are chosen so that all samples of a batch have one number of frames.
Every DATA/*.npz is read as it appears. On CUDA the whole step is one CUDA graph for each batch shape.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import data
import numpy as np
import torch
import torch._dynamo
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.model import DiT

R = data.RATE
COMMON: dict[str, Any] = {
    "ff_mult": 2,
    "text_num_embeds": len(data.VOCAB),
    "text_embedding_average_upsampling": True,
    "qk_norm": "rms_norm",
}
CONFIG = DiTConfig(dim=256, depth=10, heads=4, text_dim=256, conv_layers=4, **COMMON)
TINY = DiTConfig(dim=64, depth=2, heads=1, text_dim=64, conv_layers=2, **COMMON)
SPACE = 0
SINGLES = (36, 48, 64)  # characters of a sample; frames are R times that
PAIRS = (76, 100, 124, 148)
PIECES = 2
BACKEND = os.environ.get("DEMO_COMPILER", "inductor")


# --- the forward, on whole batches --------------------------------------------------------------------------------


def norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],), eps=1e-6)


def rms(x: Tensor, weight: Tensor) -> Tensor:
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + 1e-6) * weight).to(x.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2).to(x.dtype)


def block_forward(heads: int, x: Tensor, time_: Tensor, cos: Tensor, sin: Tensor, p: list[Tensor]) -> Tensor:
    """_Block: [b, n, d]; ``time_`` is silu(time embedding) [b, d]."""
    mod_w, mod_b, wq, bq, wk, bk, wv, bv, wo, bo, qn, kn, w1, b1, w2, b2 = p
    b, n, _d = x.shape
    shift, scale, gate, ff_shift, ff_scale, ff_gate = F.linear(time_, mod_w, mod_b)[:, None].chunk(6, dim=-1)
    h = (norm(x) * (1 + scale) + shift).to(x.dtype)
    qkv = F.linear(h, torch.cat((wq, wk, wv)), torch.cat((bq, bk, bv)))
    q, k, v = qkv.view(b, n, 3, heads, -1).permute(2, 0, 3, 1, 4)
    q, k = rotate(rms(q, qn), cos, sin), rotate(rms(k, kn), cos, sin)
    h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, -1)
    x = (x + gate * F.linear(h, wo, bo)).to(x.dtype)
    h = (norm(x) * (1 + ff_scale) + ff_shift).to(x.dtype)
    h = F.linear(F.gelu(F.linear(h, w1, b1), approximate="tanh"), w2, b2)
    return (x + ff_gate * h).to(x.dtype)


def block_parameters(block: Any) -> list[Tensor]:
    a, ff, m = block.attn, block.ff.ff, block.attn_norm.linear
    return [
        m.weight, m.bias, a.to_q.weight, a.to_q.bias, a.to_k.weight, a.to_k.bias, a.to_v.weight, a.to_v.bias,
        a.to_out[0].weight, a.to_out[0].bias, a.q_norm.weight, a.k_norm.weight,
        ff[0][0].weight, ff[0][0].bias, ff[2].weight, ff[2].bias,
    ]  # fmt: skip


def text_block(x: Tensor, valid: Tensor, rest: Tensor, p: list[Tensor]) -> Tensor:
    """_ConvNeXtV2 on [b, m, d], whose last row stands for all ``rest`` further filler rows: they are all alike."""
    dw, db, nw, nb, w1, b1, gamma, beta, w2, b2 = p
    m = x.shape[1]
    padded = F.pad(x, (0, 0, 3, 3))
    h = db + sum(padded[:, i : i + m] * dw[:, 0, i] for i in range(7))
    h = F.gelu(F.linear(F.layer_norm(h, (h.shape[-1],), nw, nb, 1e-6), w1, b1)).float()
    square = h.square()
    energy = (square.sum(1, keepdim=True) + rest[:, None, None] * square[:, -1:] + 1e-12).sqrt()
    h = gamma * (h * (energy / (energy.mean(-1, keepdim=True) + 1e-6))) + beta + h
    return (x + F.linear(h, w2, b2)) * valid


def text_parameters(block: Any) -> list[Tensor]:
    return [
        block.dwconv.weight, block.dwconv.bias, block.norm.weight, block.norm.bias, block.pwconv1.weight,
        block.pwconv1.bias, block.grn.gamma, block.grn.beta, block.pwconv2.weight, block.pwconv2.bias,
    ]  # fmt: skip


def grouped_conv(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """Conv1d with groups on [b, n, d] as one batched matrix product: block-Toeplitz over chunks of ``q`` frames.

    cuDNN's grouped convolutions of 16 channels leave tensor cores idle. n must be a multiple of q.
    """
    b, n, d = x.shape
    k, c, q = weight.shape[2], d // groups, 24
    side, width, count = k // 2, q + k - 1, n // q
    x = x.view(b, count, q, d)
    before, after = F.pad(x[:, :-1, q - side :], (0, 0, 0, 0, 1, 0)), F.pad(x[:, 1:, :side], (0, 0, 0, 0, 0, 1))
    pieces = torch.cat((before, x, after), dim=2).view(b * count, width, groups, c)
    pieces = pieces.permute(2, 0, 1, 3).reshape(groups, b * count, width * c)
    # Row q of the Toeplitz matrix is the kernel moved by q: repeat it with period width + 1 and cut to width.
    rows = F.pad(weight.to(x.dtype), (0, q)).repeat(1, 1, q)[..., : q * width].reshape(groups, c, c, q, width)
    matrix = rows.permute(0, 4, 2, 3, 1).reshape(groups, width * c, q * c)
    out = torch.bmm(pieces, matrix).view(groups, b, count, q, c)
    return out.permute(1, 2, 3, 0, 4).reshape(b, n, d) + bias.to(out.dtype)


class Trainer:
    """The forward of one batch shape after the other, on the parameters of ``dit``."""

    def __init__(self, dit: DiT, device: torch.device, *, compiled: bool) -> None:
        self.dit, self.device, self.config = dit, device, dit.config
        self.toeplitz = device.type == "cuda"
        self.use(compiled)
        dim = self.config.text_width
        exponents = torch.arange(0, dim, 2, device=device).float() / dim
        angles = torch.outer(torch.arange(1024, device=device).float(), 1.0 / 10000**exponents)
        self.positions = torch.cat((angles.cos(), angles.sin()), dim=-1)
        rotary = dit.rotary(1024)
        self.cos, self.sin = rotary.cos[0].float(), rotary.sin[0].float()

    def use(self, compiled: bool) -> None:
        """Compiled once for the first shape and once, with what differs dynamic, for all others."""
        wrap = partial(torch.compile, fullgraph=True, backend=BACKEND) if compiled else lambda function: function
        self.block, self.text_block = wrap(partial(block_forward, self.config.heads)), wrap(text_block)

    def text(self, tokens: Tensor, count: Tensor, frames: int, drop: Tensor) -> Tensor:
        """[b, m] padded tokens, ``count`` of them, to [b, frames, d]; ``drop`` [b] leaves the text's length only."""
        embed = self.dit.text_embed
        m = tokens.shape[1]
        valid = torch.arange(m, device=self.device)[None] < count[:, None]
        ids = torch.where(valid & ~drop[:, None], tokens + 1, 0)
        table = embed.text_embed.weight  # a product, since an embedding's backward may wait for the device
        x = (ids[..., None] == torch.arange(len(table), device=self.device)).to(table.dtype) @ table
        mask = valid[..., None].float()
        x = (x + self.positions[:m]) * mask
        rest = torch.full_like(count, frames - m).float()
        for block in embed.text_blocks:
            x = self.text_block(x, mask, rest, text_parameters(block))
        base = frames // count
        cut = (count - (frames - base * count)) * base  # frames of the tokens before the longer ones
        f = torch.arange(frames, device=self.device)[None]
        head = f // base[:, None]
        tail = cut[:, None] // base[:, None] + (f - cut[:, None]) // (base + 1)[:, None]
        at = torch.where(f < cut[:, None], head, tail)
        return torch.gather(x, 1, at[..., None].expand(-1, -1, x.shape[-1]))

    def velocity(self, x: Tensor, cond: Tensor, text: Tensor, times: Tensor) -> Tensor:
        dit = self.dit
        time_ = F.silu(dit.time_embed(times))
        h = F.linear(torch.cat((x, cond, text), dim=-1), dit.input_embed.proj.weight, dit.input_embed.proj.bias)
        y = h
        for layer in (dit.input_embed.conv_pos_embed.conv1d[0], dit.input_embed.conv_pos_embed.conv1d[2]):
            if self.toeplitz:
                y = F.mish(grouped_conv(y, layer.weight, layer.bias, layer.groups))
            else:
                y = F.mish(layer(y.transpose(1, 2)).transpose(1, 2))
        h = h + y
        n = x.shape[1]
        for block in dit._blocks:
            h = self.block(h, time_, self.cos[:n], self.sin[:n], block_parameters(block))
        scale, shift = dit.norm_out.linear(time_)[:, None].chunk(2, dim=-1)
        return dit.proj_out(norm(h) * (1 + scale) + shift).float()


# --- data ---------------------------------------------------------------------------------------------------------


class Corpus:
    """All utterances in two long tensors: token i owns the mel frames R i to R i + R."""

    def __init__(self, folder: Path, capacity: int, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.mels = torch.zeros(capacity * R, 100, dtype=torch.float16, device=device)
        self.tokens = torch.zeros(capacity, dtype=torch.int16, device=device)
        self.used, self.read, self.total = 0, 0, 0.0
        self.seen: set[Path] = set()
        # For each voice, columns: offset of the first token, text's tokens, tokens with a reference's ending.
        self.train = [np.zeros((0, 3), np.int64) for _ in data.VOICES]
        self.held = [np.zeros((0, 3), np.int64) for _ in data.VOICES]
        self.tables: list[tuple[np.ndarray, np.ndarray]] = []

    def update(self, at_most: int = 1000) -> int:
        """Read new shards, at most so many; the number read."""
        new = [f for f in sorted(self.folder.glob("[0-9]*.npz")) if f not in self.seen][:at_most]
        for file in new:
            self.seen.add(file)
            shard = np.load(file)
            tokens, mel, sizes, voice = shard["tokens"], shard["mel"], shard["sizes"], int(shard["voice"])
            if self.used + len(tokens) > len(self.tokens):
                break
            self.tokens[self.used : self.used + len(tokens)] = torch.from_numpy(tokens).to(self.device)
            self.mels[self.used * R : (self.used + len(tokens)) * R] = torch.from_numpy(mel).to(self.device)
            starts = self.used + np.concatenate(([0], np.cumsum(sizes[:-1, 1])))
            rows = np.column_stack((starts, sizes)).astype(np.int64)
            if not len(self.held[voice]):
                part = max(len(rows) // 5, 4)
                self.held[voice], rows = rows[:part], rows[part:]
            self.train[voice] = np.concatenate((self.train[voice], rows))
            self.used += len(tokens)
        if new:
            self.tables = [_table(rows) for rows in self.train]
        return len(new)

    def plan(self, rng: np.random.Generator, size: int, batch: int, *, pairs: bool, stretched: float,
             held: bool = False) -> np.ndarray:  # fmt: skip
        """[batch, 5]: first's offset and length, second's offset and end, tokens in all."""
        out = []
        for voice in range(3):
            want = batch // 3 + (voice < batch % 3)
            rows, table = (
                (self.held[voice], _table(self.held[voice])) if held else (self.train[voice], self.tables[voice])
            )
            got = np.zeros((0, 5), np.int64)
            for _ in range(200):
                if len(got) >= want:
                    break
                k = 4 * want
                total = np.full(k, size)
                if stretched:
                    other = rng.integers(round(0.9 * size), round(1.1 * size) + 1, k)
                    total = np.where(rng.random(k) < stretched, other, total)
                first = rows[rng.integers(len(rows), size=k)]
                ahead = first[:, 2] if pairs else np.zeros(k, np.int64)
                spare = np.zeros(k, np.int64) if pairs else rng.integers(0, 4, k)
                if held:
                    spare = rng.integers(0, 8, k)
                clipped = (rng.random(k) < 0.15).astype(np.int64) * (spare == 0)  # no full stop at the end
                need = total - ahead - spare + clipped
                fits = (need >= 10) & (need < len(table[0]) - 1)
                need = np.where(fits, need, 0)
                low, high = table[0][need], table[0][need + 1]
                fits &= high > low
                second = table[1][np.minimum(low + (rng.random(k) * (high - low)).astype(np.int64), len(table[1]) - 1)]
                made = np.column_stack((first[:, 0], ahead, second[:, 0], second[:, 0] + second[:, 2], total))
                got = np.concatenate((got, made[fits]))
            if len(got) < want:  # too little data for this size: take what there is again
                got = got if len(got) else np.array([[rows[0, 0], 0, rows[0, 0], rows[0, 0] + rows[0, 2], size]])
                got = got[np.arange(want) % len(got)]
            out.append(got[:want])
        return np.concatenate(out)


def _table(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where each text length begins, rows ordered by text length)."""
    ordered = rows[np.argsort(rows[:, 1], kind="stable")]
    return np.searchsorted(ordered[:, 1], np.arange(data.LONGEST + 4)), ordered


@dataclass
class Batch:
    mel: Tensor  # [b, n, mels]
    tokens: Tensor  # [b, m]
    count: Tensor  # [b]
    joint: Tensor  # [b] the frame where the second utterance begins


def assemble(corpus: Corpus, plan: Tensor, size: int) -> Batch:
    n, m = size * R, math.ceil(size * 1.1) + 5
    first, ahead, second, end, total = (column[:, None] for column in plan.unbind(1))

    def source(j: Tensor) -> Tensor:
        return torch.where(j < ahead, first + j, torch.minimum(second + j - ahead, end - 1))

    j = torch.arange(m, device=plan.device)[None].expand(len(plan), -1)
    tokens = corpus.tokens[source(torch.minimum(j, total - 1))].long()
    at = (torch.arange(n, device=plan.device)[None] + 0.5) * (total.float() / size) - 0.5
    at = torch.minimum(at.clamp(min=0), (total * R - 1).float())
    low = at.long()
    high = torch.minimum(low + 1, total * R - 1)
    part = (at - low)[..., None]
    mel = corpus.mels[source(low // R) * R + low % R].float()
    after = corpus.mels[source(high // R) * R + high % R].float()
    joint = (ahead * n / total).round().long()[:, 0]
    return Batch(mel * (1 - part) + after * part, tokens, total[:, 0], joint)


# --- one step -----------------------------------------------------------------------------------------------------


class Knobs:
    """What the schedule turns while training runs, as tensors, so that captured graphs see it."""

    def __init__(self, device: torch.device) -> None:
        self.early = torch.ones((), device=device)  # share of t near 0
        self.full = torch.full((), 0.5, device=device)  # share of samples without any audio shown
        self.text_drop = torch.full((), 0.1, device=device)
        self.audio_drop = torch.full((), 0.3, device=device)


def flow_loss(trainer: Trainer, batch: Batch, knobs: Knobs, *, pairs: bool) -> Tensor:
    mel, device = batch.mel, batch.mel.device
    b, n, _ = mel.shape
    rand = torch.rand(8, b, device=device)
    early = torch.sigmoid(torch.randn(b, device=device) - 1.5)
    t = torch.where(rand[0] < knobs.early, early, rand[1])
    length = ((0.7 + 0.3 * rand[2]) * n).long()
    start = ((n - length) * rand[3]).long()
    stop = start + length
    if pairs:
        suffix = rand[4] < 0.7
        start, stop = torch.where(suffix, batch.joint, start), torch.where(suffix, n, stop)
    full = rand[5] < knobs.full
    start, stop = torch.where(full, 0, start), torch.where(full, n, stop)
    frame = torch.arange(n, device=device)[None]
    span = ((frame >= start[:, None]) & (frame < stop[:, None]))[..., None]
    drop_text = rand[6] < knobs.text_drop
    drop_audio = drop_text | (rand[7] < knobs.audio_drop)
    cond = torch.where(span | drop_audio[:, None, None], 0.0, mel)
    noise = torch.randn_like(mel)
    at = t[:, None, None]
    text = trainer.text(batch.tokens, batch.count, n, drop_text)
    made = trainer.velocity((1 - at) * noise + at * mel, cond, text, t)
    error = (made - (mel - noise)).square().mean(-1, keepdim=True) * span
    return error.sum() / span.sum()


@torch.no_grad()
def gap(trainer: Trainer, batch: Batch) -> dict[str, float]:
    """Loss on the second utterance at t = 0.05 with the right and with another sample's text, and retrieval at 0."""
    compiled = trainer.block, trainer.text_block
    trainer.use(compiled=False)  # rare, and its shapes would be compiled for themselves
    mel, device = batch.mel, batch.mel.device
    b, n, _ = mel.shape
    noise = torch.randn(mel.shape, device=device, generator=torch.Generator(device).manual_seed(1))
    span = (torch.arange(n, device=device)[None] >= batch.joint[:, None])[..., None].float()
    cond, keep = mel * (1 - span), torch.zeros(b, dtype=torch.bool, device=device)
    right = trainer.text(batch.tokens, batch.count, n, keep)
    wrong = trainer.text(batch.tokens.roll(1, 0), batch.count.roll(1, 0), n, keep)
    wrong = torch.where(span > 0, wrong, right)
    t = torch.full((b,), 0.05, device=device)

    def loss(text: Tensor) -> float:
        error = trainer.velocity(0.95 * noise + 0.05 * mel, cond, text, t) - (mel - noise)
        return float((error.square().mean(-1, keepdim=True) * span).sum() / span.sum())

    a, z = loss(right), loss(wrong)
    ahead = trainer.velocity(noise, cond, right, torch.zeros(b, device=device)) + noise
    errors = torch.stack([((ahead - mel[i]).square().mean(-1, keepdim=True) * span).sum((1, 2)) for i in range(b)], 1)
    trainer.block, trainer.text_block = compiled
    top = float((errors.argmin(1) == torch.arange(b, device=device)).float().mean())
    return {"right": a, "gap_percent": 100 * (z / a - 1), "retrieved": top}


class Step:
    """One training step of one batch shape; on CUDA a captured graph."""

    def __init__(self, size: int, batch: int, pairs: bool, trainer: Trainer, corpus: Corpus, optimizer: Any,
                 knobs: Knobs, sums: Tensor) -> None:  # fmt: skip
        self.size, self.batch, self.pairs = size, batch, pairs
        self.trainer, self.corpus, self.optimizer, self.knobs, self.sums = trainer, corpus, optimizer, knobs, sums
        self.plan = torch.zeros(batch, 5, dtype=torch.long, device=corpus.device)
        self.plan[:, 4] = size
        self.plan[:, 3] = 1
        self.parameters = list(trainer.dit.parameters())
        self.graph: Any = None

    def loss(self) -> Tensor:
        kind = self.plan.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda", cache_enabled=False):
            return flow_loss(self.trainer, assemble(self.corpus, self.plan, self.size), self.knobs, pairs=self.pairs)

    def eager(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.loss()
        loss.backward()
        norms = torch.stack(torch._foreach_norm([p.grad for p in self.parameters]))
        size = torch.linalg.vector_norm(norms)
        ok = torch.isfinite(size)
        self.optimizer.grad_scale.copy_(torch.where(ok, size, 1.0).clamp(min=1.0))
        self.optimizer.found_inf.copy_((~ok).float())
        self.optimizer.step()
        self.sums += torch.stack((loss.detach().nan_to_num(), ok.float(), size.nan_to_num(0, 0, 0)))

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


# --- the run ------------------------------------------------------------------------------------------------------


def initialize(dit: DiT) -> None:
    """As upstream: AdaLN and the output start at zero; linear layers by torch's default."""
    for block in dit._blocks:
        torch.nn.init.zeros_(block.attn_norm.linear.weight)
        torch.nn.init.zeros_(block.attn_norm.linear.bias)
    for layer in (dit.norm_out.linear, dit.proj_out):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)


def save(dit_state: dict[str, Tensor], out: Path) -> None:
    half = {key: value.detach().half().cpu().contiguous() for key, value in dit_state.items()}
    parts: list[dict[str, Tensor]] = [{} for _ in range(PIECES)]
    for key in sorted(half, key=lambda key: (-half[key].numel(), key)):
        min(parts, key=lambda part: sum(value.numel() for value in part.values()))[key] = half[key]
    for i, part in enumerate(parts):
        save_file(part, out / f".dit-{i}.safetensors")
    for i in range(PIECES):
        (out / f".dit-{i}.safetensors").rename(out / f"dit-{i}.safetensors")


def load(out: Path) -> dict[str, Tensor]:
    return {k: v.float() for i in range(PIECES) for k, v in load_file(out / f"dit-{i}.safetensors").items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1000, help="wall clock, from the start of this program")
    parser.add_argument("--characters", type=int, default=2_400_000, help="room for so many on the device")
    parser.add_argument("--single-frames", type=int, default=16_384)
    parser.add_argument("--pair-frames", type=int, default=20_480)
    parser.add_argument("--warm-up", type=int, default=500)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--singles-until", type=float, default=0.12, help="share of the time")
    parser.add_argument("--shards", type=int, default=28, help="to wait for before the first step")
    parser.add_argument("--log-every", type=float, default=30)
    parser.add_argument("--save-every", type=float, default=200)
    parser.add_argument("--resume", action="store_true", help="start from OUT's EMA weights")
    parser.add_argument("--no-graph", action="store_true")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    began = time.time()
    args.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    compiled = (cuda or "DEMO_COMPILER" in os.environ) and not args.no_compile
    torch._dynamo.config.cache_size_limit = 64
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    torch.set_float32_matmul_precision("high")
    dit = DiT(TINY if args.tiny else CONFIG).to(device)
    initialize(dit)
    if args.resume and (args.out / "dit-0.safetensors").exists():
        dit.load_state_dict({k: v.to(device) for k, v in load(args.out).items()})
        print("dit: resumed from the saved average", flush=True)
    print(f"dit: {sum(p.numel() for p in dit.parameters()) / 1e6:.2f} M parameters on {device}", flush=True)
    trainer = Trainer(dit, device, compiled=compiled)
    corpus = Corpus(args.data, args.characters, device)
    knobs, sums = Knobs(device), torch.zeros(3, device=device)
    lr = torch.zeros((), device=device) if cuda else 0.0
    matrices = [p for p in dit.parameters() if p.dim() > 1]
    vectors = [p for p in dit.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimizer: Any = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), fused=True, capturable=cuda)
    optimizer.grad_scale, optimizer.found_inf = torch.ones((), device=device), torch.zeros((), device=device)

    def step_of(size: int, pairs: bool) -> Step:
        frames = args.pair_frames if pairs else args.single_frames
        return Step(size, max(frames // (size * R), 3), pairs, trainer, corpus, optimizer, knobs, sums)

    steps = {(size, False): step_of(size, False) for size in SINGLES}
    steps |= {(size, True): step_of(size, True) for size in PAIRS}
    if compiled:  # compile while the data are being made
        for shape in ((SINGLES[0], False), (PAIRS[1], True)):
            steps[shape].loss().backward()
        print(f"dit {time.time() - began:.0f} s: compiled", flush=True)
    while not (args.data / "complete").exists() and len(list(args.data.glob("[0-9]*.npz"))) < args.shards:
        time.sleep(0.5)
    corpus.update()
    if not args.resume:
        dit.proj_out.bias.data.copy_(corpus.mels[: corpus.used * R].float().mean(0))
    print(f"dit {time.time() - began:.0f} s: {len(corpus.seen)} shards, {corpus.used} characters", flush=True)
    average = {k: v.detach().clone() for k, v in dit.named_parameters()}
    averaged, current = list(average.values()), [p.data for p in dit.parameters()]
    watch = {}
    for size, pairs in ((48, False), (100, True)):
        plan = corpus.plan(np.random.default_rng(5), size, 32, pairs=pairs, stretched=0.0, held=True)
        watch["pairs" if pairs else "singles"] = (plan, size)
    if cuda and not args.no_graph:
        for shape in steps:
            steps[shape].plan.copy_(
                torch.from_numpy(corpus.plan(rng, shape[0], steps[shape].batch, pairs=shape[1], stretched=0.2))
            )
            steps[shape].capture()
        print(f"dit {time.time() - began:.0f} s: graphs captured", flush=True)
    first = time.time()
    count, _lines, said, saved, looked, last = 0, 0, time.time(), time.time(), time.time(), 0
    queue: list[tuple[Step, Tensor]] = []
    marks: list[Any] = []
    while True:
        now = time.time()
        progress = (now - first) / max(args.seconds - (first - began), 1)
        if progress >= 1:
            break
        if not queue:
            if now - looked > 3:
                corpus.update(12)
                looked = now
            share = 0.0 if progress < args.singles_until else 0.5 if progress < 0.3 else 0.85
            shapes = []
            for _ in range(40):
                pairs = rng.random() < share
                shapes.append((int(rng.choice(PAIRS if pairs else SINGLES)), pairs))
            plans = [
                torch.from_numpy(corpus.plan(rng, s, steps[s, p].batch, pairs=p, stretched=0.2 if p else 0.0))
                for s, p in shapes
            ]
            if cuda:  # one transfer for all; the copy of a plan into its graph stays on the device
                flat = torch.cat(plans).pin_memory().to(device, non_blocking=True)
                plans = list(flat.split([len(p) for p in plans]))
            queue = [(steps[shape], plan) for shape, plan in zip(shapes, plans, strict=True)]
            knobs.early.fill_(1.0 if progress < 0.3 else 0.5)
            knobs.full.fill_(0.5 if progress < args.singles_until else 0.15)
            knobs.text_drop.fill_(0.1 if progress < 0.3 else 0.17)
            if cuda:  # do not run ahead of the device by more than two queues
                mark = torch.cuda.Event()
                mark.record()
                marks.append(mark)
                if len(marks) > 2:
                    marks.pop(0).synchronize()
        cosine = 1.0 if progress < 0.6 else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - 0.6) / 0.4))
        rate = args.lr * min(1.0, (count + 1) / args.warm_up) * cosine
        for group in optimizer.param_groups:
            if cuda:
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        step, plan = queue.pop()
        step.run(plan)
        count += 1
        if count % 4 == 0:
            decay = min((0.999 if count < 5000 else 0.9995), count / (count + 10))
            with torch.no_grad():
                torch._foreach_lerp_(averaged, current, 1 - decay**4)
        if now - said >= args.log_every:
            torch.cuda.synchronize() if cuda else None
            mean = (sums / max(count - last, 1)).tolist()
            speed = (count - last) / (time.time() - said)
            report = []
            for name, (held_plan, size) in watch.items():
                with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
                    found = gap(trainer, assemble(corpus, torch.from_numpy(held_plan).to(device), size))
                report.append(
                    f"{name}: gap {found['gap_percent']:.1f} %, retrieved {found['retrieved']:.2f},"
                    f" right {found['right']:.3f}"
                )
            print(
                f"dit {now - began:.0f} s: step {count}, {speed:.1f} steps/s, loss {mean[0]:.4f}, norm {mean[2]:.2f},"
                f" finite {mean[1]:.3f}, lr {rate:.1e}, {len(corpus.seen)} shards; {'; '.join(report)}",
                flush=True,
            )
            sums.zero_()
            said, last = time.time(), count
            if mean[1] < 0.5:
                raise SystemExit("dit: most updates are not finite")
        if now - saved >= args.save_every:
            save(average, args.out)
            saved = time.time()
    save(average, args.out)
    print(f"dit done: {count} steps", flush=True)


if __name__ == "__main__":
    main()
