"""Train the demo's DiT: flow matching on single utterances, then on pairs joined as inference joins them.

    train_dit.py DATA OUT --seconds 1000      (or --steps 40: as many steps, the same every time)

The module is the engine's own (ishowtts.engine.model.DiT), so the parameter names are; only the forward is written
here (dit_forward.py). Every DATA/*.npz is read as it appears. On CUDA the whole step is one CUDA graph a batch shape.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo
from dit_corpus import Corpus, assemble
from dit_files import CONFIG, TINY, initialize, load, save
from dit_forward import Forward
from dit_step import Knobs, Parts, Step, gap
from recipe import RATE
from torch import Tensor

from ishowtts.engine.model import DiT

SINGLES = (36, 48, 64)  # characters of a sample; frames are RATE times that
PAIRS = (76, 100, 124, 148)
QUEUE = 40  # steps planned at once


class Run:
    """One training: its state, from the first weight to the last file."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.began = args, time.time()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.cuda = self.device.type == "cuda"
        self.compiled = (self.cuda or "DEMO_COMPILER" in os.environ) and not args.no_compile
        self.rng = np.random.default_rng(0)
        self.dit = self._model()
        forward = Forward(self.dit, self.device, compiled=self.compiled)
        corpus = Corpus(args.data, args.characters, self.device)
        optimizer = self._optimizer()
        self.parts = Parts(forward, corpus, optimizer, Knobs(self.device), torch.zeros(3, device=self.device))
        self.steps = {(size, pairs): self._step(size, pairs) for pairs in (False, True) for size in self._sizes(pairs)}
        self.queue: list[tuple[Step, Tensor]] = []
        self.marks: list[Any] = []
        self.count = 0

    @staticmethod
    def _sizes(pairs: bool) -> tuple[int, ...]:
        return PAIRS if pairs else SINGLES

    def _model(self) -> DiT:
        dit = DiT(TINY if self.args.tiny else CONFIG).to(self.device)
        initialize(dit)
        if self.args.resume and (self.args.out / "dit-0.safetensors").exists():
            dit.load_state_dict({k: v.to(self.device) for k, v in load(self.args.out).items()})
            print("dit: resumed from the saved average", flush=True)
        print(f"dit: {sum(p.numel() for p in dit.parameters()) / 1e6:.2f} M parameters on {self.device}", flush=True)
        return dit

    def _optimizer(self) -> Any:
        lr = torch.zeros((), device=self.device) if self.cuda else 0.0
        matrices = [p for p in self.dit.parameters() if p.dim() > 1]
        vectors = [p for p in self.dit.parameters() if p.dim() <= 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
        optimizer: Any = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), fused=True, capturable=self.cuda)
        optimizer.grad_scale = torch.ones((), device=self.device)
        optimizer.found_inf = torch.zeros((), device=self.device)
        return optimizer

    def _step(self, size: int, pairs: bool) -> Step:
        frames = self.args.pair_frames if pairs else self.args.single_frames
        return Step(size, max(frames // (size * RATE), 3), pairs, self.parts)

    def _say(self, what: str) -> None:
        print(f"dit {time.time() - self.began:.0f} s: {what}", flush=True)

    def prepare(self) -> None:
        args, corpus = self.args, self.parts.corpus
        if self.compiled:  # compile while the data are being made
            for shape in ((SINGLES[0], False), (PAIRS[1], True)):
                self.steps[shape].loss().backward()
            self._say("compiled")
        wanted = math.inf if args.steps else args.shards  # the same every time: with all the data from the start
        while not (args.data / "complete").exists() and len(list(args.data.glob("[0-9]*.npz"))) < wanted:
            time.sleep(0.5)
        corpus.update()
        if not args.resume:
            self.dit.proj_out.bias.data.copy_(corpus.mels[: corpus.used * RATE].float().mean(0))
        self._say(f"{len(corpus.seen)} shards, {corpus.used} characters")
        self.average = {k: v.detach().clone() for k, v in self.dit.named_parameters()}
        self.current = [p.data for p in self.dit.parameters()]
        self.watch = {}
        for size, pairs in ((48, False), (100, True)):
            plan = corpus.plan(np.random.default_rng(5), size, 32, pairs=pairs, stretched=0.0, held=True)
            self.watch["pairs" if pairs else "singles"] = (plan, size)
        if self.cuda and not args.no_graph:
            for (size, pairs), step in self.steps.items():
                plan = corpus.plan(self.rng, size, step.batch, pairs=pairs, stretched=0.2)
                step.plan.copy_(torch.from_numpy(plan))
                step.capture()
            self._say("graphs captured")

    def train(self) -> None:
        args, first = self.args, time.time()
        left = max(args.seconds - (first - self.began), 1)
        said, saved, looked, last = first, first, first, 0
        while True:
            now = time.time()
            progress = self.count / args.steps if args.steps else (now - first) / left
            if progress >= 1:
                break
            if not self.queue:
                if now - looked > 3:
                    self.parts.corpus.update(12)
                    looked = now
                self._plan(progress)
            self._one(progress)
            due = self.count % args.steps_a_line == 0 if args.steps else now - said >= args.log_every
            if due:
                self._report(self.count - last, time.time() - said)
                said, last = time.time(), self.count
            if now - saved >= args.save_every:
                save(self.average, args.out)
                saved = now
        save(self.average, args.out)
        print(f"dit done: {self.count} steps", flush=True)

    def _plan(self, progress: float) -> None:
        args, knobs = self.args, self.parts.knobs
        share = 0.0 if progress < args.singles_until else 0.5 if progress < 0.3 else 0.85
        shapes = []
        for _ in range(QUEUE):
            pairs = self.rng.random() < share
            shapes.append((int(self.rng.choice(self._sizes(pairs))), pairs))
        plans = [
            torch.from_numpy(
                self.parts.corpus.plan(self.rng, s, self.steps[s, p].batch, pairs=p, stretched=0.2 if p else 0.0)
            )
            for s, p in shapes
        ]
        if self.cuda:  # one transfer for all; the copy of a plan into its graph stays on the device
            flat = torch.cat(plans).pin_memory().to(self.device, non_blocking=True)
            plans = list(flat.split([len(p) for p in plans]))
        self.queue = [(self.steps[shape], plan) for shape, plan in zip(shapes, plans, strict=True)]
        knobs.early.fill_(1.0 if progress < 0.3 else 0.5)
        knobs.full.fill_(0.5 if progress < args.singles_until else 0.15)
        knobs.text_drop.fill_(0.1 if progress < 0.3 else 0.17)
        if self.cuda:  # do not run ahead of the device by more than two queues
            mark = torch.cuda.Event()
            mark.record()
            self.marks.append(mark)
            if len(self.marks) > 2:
                self.marks.pop(0).synchronize()

    def _one(self, progress: float) -> None:
        cosine = 1.0 if progress < 0.6 else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - 0.6) / 0.4))
        self.lr = self.args.lr * min(1.0, (self.count + 1) / self.args.warm_up) * cosine
        for group in self.parts.optimizer.param_groups:
            if self.cuda:
                group["lr"].fill_(self.lr)
            else:
                group["lr"] = self.lr
        step, plan = self.queue.pop()
        step.run(plan)
        self.count += 1
        if self.count % 4 == 0:
            decay = min((0.999 if self.count < 5000 else 0.9995), self.count / (self.count + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), self.current, 1 - decay**4)

    def _report(self, steps: int, seconds: float) -> None:
        torch.cuda.synchronize() if self.cuda else None
        parts = self.parts
        loss, finite, norm = (parts.sums / max(steps, 1)).tolist()
        report = []
        for name, (plan, size) in self.watch.items():
            batch = assemble(parts.corpus, torch.from_numpy(plan).to(self.device), size)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
                found = gap(parts.forward, batch)
            report.append(
                f"{name}: gap {found['gap_percent']:.1f} %, retrieved {found['retrieved']:.2f},"
                f" right {found['right']:.3f}"
            )
        self._say(
            f"step {self.count}, {steps / seconds:.1f} steps/s, loss {loss:.4f}, norm {norm:.2f},"
            f" finite {finite:.3f}, lr {self.lr:.1e}, {len(parts.corpus.seen)} shards; {'; '.join(report)}"
        )
        parts.sums.zero_()
        if finite < 0.5:
            raise SystemExit("dit: most updates are not finite")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1000, help="wall clock, from the start of this program")
    parser.add_argument("--steps", type=int, default=0, help="instead of --seconds: a run that can be repeated")
    parser.add_argument("--steps-a-line", type=int, default=10, help="with --steps, instead of --log-every")
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
    args.out.mkdir(parents=True, exist_ok=True)
    torch._dynamo.config.cache_size_limit = 64
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    run = Run(args)
    run.prepare()
    run.train()


if __name__ == "__main__":
    main()
