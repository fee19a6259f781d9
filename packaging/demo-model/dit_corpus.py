"""All utterances on the device, and batches of them: singles, or pairs joined as inference joins them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from recipe import LONGEST, RATE, VOICES
from torch import Tensor

Table = tuple[np.ndarray, np.ndarray]


class Corpus:
    """All utterances in two long tensors: token i owns the mel frames RATE i to RATE i + RATE."""

    def __init__(self, folder: Path, capacity: int, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.mels = torch.zeros(capacity * RATE, 100, dtype=torch.float16, device=device)
        self.tokens = torch.zeros(capacity, dtype=torch.int16, device=device)
        self.used = 0
        self.seen: set[Path] = set()
        # For each voice, columns: offset of the first token, text's tokens, tokens with a reference's ending.
        self.train = [np.zeros((0, 3), np.int64) for _ in VOICES]
        self.held = [np.zeros((0, 3), np.int64) for _ in VOICES]
        self.tables: list[Table] = []

    def update(self, at_most: int = 1000) -> None:
        """Read new shards, at most so many."""
        new = [f for f in sorted(self.folder.glob("[0-9]*.npz")) if f not in self.seen][:at_most]
        for file in new:
            self.seen.add(file)
            shard = np.load(file)
            tokens, mel, sizes, voice = shard["tokens"], shard["mel"], shard["sizes"], int(shard["voice"])
            if self.used + len(tokens) > len(self.tokens):
                break
            self.tokens[self.used : self.used + len(tokens)] = torch.from_numpy(tokens).to(self.device)
            self.mels[self.used * RATE : (self.used + len(tokens)) * RATE] = torch.from_numpy(mel).to(self.device)
            starts = self.used + np.concatenate(([0], np.cumsum(sizes[:-1, 1])))
            rows = np.column_stack((starts, sizes)).astype(np.int64)
            if not len(self.held[voice]):
                part = max(len(rows) // 5, 4)
                self.held[voice], rows = rows[:part], rows[part:]
            self.train[voice] = np.concatenate((self.train[voice], rows))
            self.used += len(tokens)
        if new:
            self.tables = [_table(rows) for rows in self.train]

    def plan(
        self, rng: np.random.Generator, size: int, batch: int, *, pairs: bool, stretched: float, held: bool = False
    ) -> np.ndarray:
        """[batch, 5]: first's offset and length, second's offset and end, tokens in all."""
        out = []
        for voice in range(3):
            want = batch // 3 + (voice < batch % 3)
            rows = self.held[voice] if held else self.train[voice]
            table = _table(rows) if held else self.tables[voice]
            got = np.zeros((0, 5), np.int64)
            for _ in range(200):
                if len(got) >= want:
                    break
                got = np.concatenate((got, _draw(rng, rows, table, size, 4 * want, pairs, stretched, held)))
            if len(got) < want:  # too little data for this size: take what there is again
                got = got if len(got) else np.array([[rows[0, 0], 0, rows[0, 0], rows[0, 0] + rows[0, 2], size]])
                got = got[np.arange(want) % len(got)]
            out.append(got[:want])
        return np.concatenate(out)


def _draw(
    rng: np.random.Generator, rows: np.ndarray, table: Table, size: int, k: int, pairs: bool, stretched: float,
    held: bool,
) -> np.ndarray:  # fmt: skip
    """Of ``k`` random picks those whose texts fill ``size`` characters, as rows of a plan."""
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
    starts, ordered = table
    fits = (need >= 10) & (need < len(starts) - 1)
    need = np.where(fits, need, 0)
    low, high = starts[need], starts[need + 1]
    fits &= high > low
    second = ordered[np.minimum(low + (rng.random(k) * (high - low)).astype(np.int64), len(ordered) - 1)]
    made = np.column_stack((first[:, 0], ahead, second[:, 0], second[:, 0] + second[:, 2], total))
    return made[fits]


def _table(rows: np.ndarray) -> Table:
    """(where each text length begins, rows ordered by text length)."""
    ordered = rows[np.argsort(rows[:, 1], kind="stable")]
    return np.searchsorted(ordered[:, 1], np.arange(LONGEST + 4)), ordered


@dataclass
class Batch:
    mel: Tensor  # [b, n, mels]
    tokens: Tensor  # [b, m]
    count: Tensor  # [b]
    joint: Tensor  # [b] the frame where the second utterance begins


def assemble(corpus: Corpus, plan: Tensor, size: int) -> Batch:
    n, m = size * RATE, math.ceil(size * 1.1) + 5
    first, ahead, second, end, total = (column[:, None] for column in plan.unbind(1))

    def source(j: Tensor) -> Tensor:
        return torch.where(j < ahead, first + j, torch.minimum(second + j - ahead, end - 1))

    j = torch.arange(m, device=plan.device)[None].expand(len(plan), -1)
    tokens = corpus.tokens[source(torch.minimum(j, total - 1))].long()
    at = (torch.arange(n, device=plan.device)[None] + 0.5) * (total.float() / size) - 0.5
    at = torch.minimum(at.clamp(min=0), (total * RATE - 1).float())
    low = at.long()
    high = torch.minimum(low + 1, total * RATE - 1)
    part = (at - low)[..., None]
    mel = corpus.mels[source(low // RATE) * RATE + low % RATE].float()
    after = corpus.mels[source(high // RATE) * RATE + high % RATE].float()
    joint = (ahead * n / total).round().long()[:, 0]
    return Batch(mel * (1 - part) + after * part, tokens, total[:, 0], joint)
