"""One ODE step on memory of its own, so that a GPU can replay it as a CUDA graph; and the bounded store of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ishowtts.engine.model import Batch, DiT
from ishowtts.engine.ops import Ops
from ishowtts.engine.text_encoder import Text

KEPT = 64  # captured shapes; their memory is shared, the graphs of one take about 2 MB
_noise_makers = ThreadPoolExecutor(8, "noise")


@dataclass(frozen=True)
class Item:
    """One utterance: the reference's mel [r, mel] (fp32), tokens of reference and text together, length, seed."""

    cond: Tensor
    tokens: Sequence[int]
    frames: int
    seed: int

    @property
    def length(self) -> int:
        """At least one frame more than the reference and the tokens have, as upstream asks for."""
        return max(self.frames, len(self.tokens) + 1, len(self.cond) + 1)

    @torch.inference_mode()
    def write_noise(self, rows: Tensor) -> None:
        """Into ``rows`` [frames, mel], zero beyond this item's length.

        Made on the CPU, from a generator of its own: the same seed starts from the same noise on every device.
        """
        generator = torch.Generator().manual_seed(self.seed)
        torch.randn(self.length, rows.shape[1], generator=generator, out=rows[: self.length])
        rows[self.length :] = 0


@dataclass(frozen=True)
class Shape:
    """What a captured step is made for: items, frames of a row, guidance, and whether rows may be shorter."""

    items: int
    frames: int
    guided: bool
    masked: bool

    @staticmethod
    def of(lengths: Sequence[int], ops: Ops, *, guided: bool) -> Shape:
        longest, grain = max(lengths), ops.granularity
        masked = grain > 1 or min(lengths) < longest
        return Shape(len(lengths), -(-longest // grain) * grain, guided, masked)

    @property
    def copies(self) -> int:
        return 2 if self.guided else 1


class Step:
    """``begin`` with some items, then each ``run`` moves ``y`` [items, frames, mel] (fp32) by one Euler step.

    On a GPU both only queue their work, and ``run`` gets at most one step ahead of it.
    """

    def __init__(self, dit: DiT, shape: Shape, memory: Memory) -> None:
        self._dit, self.shape = dit, shape
        config, items, frames = dit.config, shape.items, shape.frames
        rows = items * shape.copies
        take = memory.take
        self.y = take("y", (items, frames, config.mel_dim), torch.float32)
        self._noise = memory.stage("noise", (items, frames, config.mel_dim), torch.float32)
        self._cond = take("cond", (items, frames, config.mel_dim), dit.dtype)
        self._said = take("said", (rows + Text.size(items, frames),), torch.int32)
        self._staged = memory.stage("said", self._said.shape, torch.int32)
        self._copied = memory.copied
        lengths = self._said[:rows] if shape.masked else None
        self._text = Text.over(self._said[rows:], items, frames, None if lengths is None else lengths[:items])
        constant = take("constant", (rows, frames, config.dim), dit.dtype)
        self._batch = Batch(constant, memory.turns(frames), lengths)
        self._modulation = take("modulation", (6 * config.depth + 2, config.dim), dit.dtype)
        self._dt, self._cfg = (take(name, (), torch.float32) for name in ("dt", "cfg"))
        self._prepare: Callable[[], None] = self._compute_constant
        self._advance: Callable[[], None] = self._compute_step
        self._running: torch.cuda.Event | None = None

    def begin(self, items: Sequence[Item], cfg: float) -> None:
        if self._copied is not None:
            self._copied.synchronize()  # what a request that was given up has staged may still be on its way
        noises = [_noise_makers.submit(item.write_noise, rows) for item, rows in zip(items, self._noise, strict=True)]
        lengths = [item.length for item in items]
        rows = len(items) * self.shape.copies
        self._staged[:rows] = torch.tensor(lengths * self.shape.copies)
        text = Text.over(self._staged[rows:], len(items), self.shape.frames, None)
        text.write([item.tokens for item in items], lengths, spread=self._dit.text_embed.average)
        self._said.copy_(self._staged, non_blocking=True)
        self._cond.zero_()
        for i, item in enumerate(items):
            self._cond[i, : len(item.cond)] = item.cond
        self._cfg.fill_(cfg)
        self._prepare()
        for noise in noises:
            noise.result()
        self.y.copy_(self._noise, non_blocking=True)
        if self._copied is not None:
            self._copied.record()

    def run(self, modulation: Tensor, dt: float) -> None:
        self._modulation.copy_(modulation)
        self._dt.fill_(dt)
        self._advance()
        if self.y.is_cuda:
            self._wait_for_the_one_before()

    def _compute_constant(self) -> None:
        dit, guided = self._dit, self.shape.guided
        cond = torch.cat((self._cond, torch.zeros_like(self._cond))) if guided else self._cond
        self._batch.constant.copy_(dit.input_embed.constant(cond, dit.text_embed(self._text, guided=guided)))

    def _compute_step(self) -> None:
        v = self._dit.velocity(self.y.to(self._dit.dtype), self._batch, self._modulation)
        self._dit.ops.advance(self.y, v, self._dt, self._cfg if self.shape.guided else None)

    def _wait_for_the_one_before(self) -> None:
        """The GPU always has the next step at hand, and a cancelled request ends within a step or two."""
        before, self._running = self._running, torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self._running.record()
        if before is not None:
            before.synchronize()

    def warm_up(self) -> None:
        """Once as it is: kernels are compiled and libraries make their workspaces, which a capture cannot."""
        self._prepare()
        self._advance()

    def capture(self, pool: Any, stream: torch.cuda.Stream) -> None:
        self._prepare = _captured(self._compute_constant, pool, stream)
        self._advance = _captured(self._compute_step, pool, stream)


def _captured(work: Callable[[], None], pool: Any, stream: torch.cuda.Stream) -> Callable[[], None]:
    """A CUDA graph of ``work``. torch.cuda.graph() would collect garbage and empty the cache first: 50 ms and more."""
    graph = torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        graph.capture_begin(pool=pool)
        try:
            work()
        finally:
            graph.capture_end()
    torch.cuda.current_stream().wait_stream(stream)
    return graph.replay


class Memory:
    """The static memory of all steps: one runs at a time, so they share it. Grows when a larger step comes."""

    def __init__(self, dit: DiT) -> None:
        self._dit = dit
        self._flat: dict[tuple[str, torch.device], Tensor] = {}
        self._turns = dit.turns(0)
        # Recorded when the GPU has read what was staged.
        self.copied = torch.cuda.Event(blocking=True) if dit.device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return self._take(name, shape, dtype, self._dit.device)

    def stage(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """On the CPU, where the GPU can read it by itself."""
        return self._take(name, shape, dtype, torch.device("cpu"))

    def _take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        size = torch.Size(shape).numel()
        flat = self._flat.get((name, device))
        if flat is None or len(flat) < size:
            pinned = device.type == "cpu" and self._dit.device.type == "cuda"
            flat = self._flat[name, device] = torch.zeros(size, dtype=dtype, device=device, pin_memory=pinned)
        return flat[:size].view(shape)

    def turns(self, frames: int) -> Tensor:
        if len(self._turns) < frames:
            self._turns = self._dit.turns(frames)
        return self._turns[:frames]


class Steps:
    """Captured steps by shape, the least recently used given up. Without a GPU every request gets a plain one."""

    def __init__(self, dit: DiT, kept: int = KEPT) -> None:
        self._dit, self._kept = dit, kept
        self._memory = Memory(dit)
        self._graphs: OrderedDict[Shape, Step] = OrderedDict()
        # One pool and one stream for all: torch shares a pool's memory among captures of the same stream only.
        self._pool: Any = None
        self._stream: torch.cuda.Stream | None = None
        self._warm: set[bool] = set()
        self.captures = 0

    def __len__(self) -> int:
        return len(self._graphs)

    def get(self, shape: Shape) -> Step:
        if self._dit.device.type != "cuda":
            return Step(self._dit, shape, Memory(self._dit))
        if shape not in self._graphs:
            self._graphs[shape] = self._capture(shape)
        self._graphs.move_to_end(shape)
        if len(self._graphs) > self._kept:
            self._graphs.popitem(last=False)
        return self._graphs[shape]

    def _capture(self, shape: Shape) -> Step:
        step = Step(self._dit, shape, self._memory)
        if self._stream is None:
            self._pool, self._stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        if shape.guided not in self._warm:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                step.warm_up()
            torch.cuda.synchronize()
            self._warm.add(shape.guided)
        step.capture(self._pool, self._stream)
        self.captures += 1
        return step
