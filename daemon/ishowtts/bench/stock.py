"""Stock f5-tts on the same files: its own loader, its own infer_batch_process, its own text cutting.

The waveform is numpy on the host when that returns. What it does for one text it does for a batch: each in a thread of
its own, which is f5-tts's only way to speak several texts.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ishowtts import ipc
from ishowtts.bench.rows import STOCK, Made
from ishowtts.bench.stand_ins import stand_ins
from ishowtts.bench.subject import LeftOut
from ishowtts.bench.workload import CFG, HOP, RATE_HZ, sequence_frames
from ishowtts.engine.arch import read_yaml

TOTAL_S = 22.0  # reference and speech together, f5_tts/infer/utils_infer.py, infer_process


class Stock:
    name = STOCK

    def __init__(self, configure: ipc.Configure) -> None:
        self._configure = configure
        self._ui: Any = None  # f5_tts.infer.utils_infer: untyped
        self._model: Any = None
        self._vocoder: Any = None
        self._clip: tuple[Any, int] = (None, RATE_HZ)
        self._text = ""

    def prepare(self) -> None:
        from ishowtts.engine.native import pick_device
        from ishowtts.engine.reference_clip import finish_sentence, read_clip

        try:
            with stand_ins(), contextlib.redirect_stdout(io.StringIO()):
                from f5_tts.infer import utils_infer
                from f5_tts.model import DiT
        except Exception as error:  # noqa: BLE001 (70 packages may be of ages that do not fit together)
            raise LeftOut(f"stock f5-tts cannot be imported here ({type(error).__name__}: {error}).") from None
        configure, self._ui = self._configure, utils_infer
        self._device = str(pick_device(configure.device))
        arch = read_yaml(Path(configure.model_config))["model"]["arch"]
        with contextlib.redirect_stdout(io.StringIO()):
            self._model = utils_infer.load_model(
                DiT, arch, configure.checkpoint, vocab_file=configure.vocab, device=self._device
            )
            self._vocoder = utils_infer.load_vocoder("vocos", True, configure.vocoder, device=self._device)
        wave, rate = read_clip(configure.voices[0].audio)
        self._clip = wave[None], rate
        self._text = finish_sentence(configure.voices[0].text).removesuffix(" ")  # it adds the last space itself

    def run(self, texts: Sequence[str], nfe: int) -> Made:
        import torch

        try:
            return self._run(texts, nfe)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise LeftOut("stock f5-tts ran out of GPU memory.") from None

    def _run(self, texts: Sequence[str], nfe: int) -> Made:
        wave, rate = self._clip
        seconds = wave.shape[-1] / rate
        limit = int(len(self._text.encode()) / seconds * (TOTAL_S - seconds))
        pieces = [piece for text in texts for piece in self._ui.chunk_text(text, max_chars=limit)]
        made, made_rate, mel = next(
            self._ui.infer_batch_process(
                self._clip,
                self._text,
                pieces,
                self._model,
                self._vocoder,
                progress=None,
                cross_fade_duration=0,  # what is fast is told from what is long: seconds of speech before any overlap
                nfe_step=nfe,
                cfg_strength=CFG,
                device=self._device,
            )
        )
        return Made(len(made) / made_rate, self._sequences(pieces, mel.shape[1]))

    def _sequences(self, pieces: Sequence[str], generated: int) -> tuple[int, ...]:
        """The frames of each piece, held against what came out in all."""
        wave, rate = self._clip
        reference = -(-wave.shape[-1] * RATE_HZ // rate) // HOP
        text_bytes = len(self._text.encode()) + 1
        planned = tuple(sequence_frames(reference, text_bytes, len(piece.encode())) for piece in pieces)
        if sum(planned) - len(planned) * reference != generated:
            raise LeftOut(f"stock f5-tts made {generated} frames, not the {sum(planned)} that its rule gives.")
        return planned
