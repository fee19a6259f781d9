"""Stock f5-tts behind the same interface, for comparison: `engine.kind: reference`.

Needs f5-tts with all it wants (the `reference` extra) in `engine.python`. Cannot be stopped between ODE steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from f5_tts.infer import utils_infer
from f5_tts.model import DiT

from ishowtts import ipc
from ishowtts.engine import mel
from ishowtts.engine.arch import read_yaml
from ishowtts.engine.base import Comparison, OnStep, SetupRequired, Speech
from ishowtts.engine.native import device_name, pick_device, to_speeches
from ishowtts.engine.reference_clip import ClipError, finish_sentence, read_clip
from ishowtts.engine.tokens import Vocabulary
from ishowtts.wire.errors import Reason, Refusal


class ReferenceEngine:
    def __init__(self, configure: ipc.Configure, say: ipc.Say) -> None:
        device = pick_device(configure.device)
        self._device = device
        for path in (configure.model_config, configure.checkpoint, configure.vocab, configure.vocoder):
            if not Path(path).exists():
                raise SetupRequired(f"{path} is not there.")
        self._name = str(read_yaml(Path(configure.model_config))["model"]["name"])
        arch: dict[str, Any] = read_yaml(Path(configure.model_config))["model"]["arch"]
        say("loading the model.")
        self._vocabulary = Vocabulary.read(Path(configure.vocab))
        self._model = utils_infer.load_model(
            DiT, arch, configure.checkpoint, vocab_file=configure.vocab, device=str(device)
        )
        say("loading the vocoder.")
        self._vocoder = utils_infer.load_vocoder("vocos", True, configure.vocoder, device=str(device))
        self._clips: dict[str, tuple[torch.Tensor, int, str]] = {}
        self._voices: list[ipc.VoiceInfo] = []
        for voice in configure.voices:
            self._add(voice)

    def ready(self) -> ipc.Ready:
        return ipc.Ready(
            model=f"{self._name} (stock f5-tts)",
            device=device_name(self._device),
            dtype=str(next(self._model.parameters()).dtype).removeprefix("torch."),
            torch=str(torch.__version__),
            characters=self._vocabulary.characters,
            pinyin=self._vocabulary.pinyin,
            voices=self._voices,
        )

    def speak(self, job: ipc.Speak, on_step: OnStep) -> Speech:
        self._vocabulary.encode(job.text)  # refuses what stock f5-tts would speak as a space
        on_step(0, job.nfe)
        wave, rate, text = self._clips[job.voice]
        torch.manual_seed(job.seed)
        generated, made, _ = next(
            utils_infer.infer_batch_process(
                (wave[None], rate),
                text,
                [job.text],
                self._model,
                self._vocoder,
                progress=None,
                nfe_step=job.nfe,
                cfg_strength=job.cfg,
                speed=job.speed,
                device=str(self._device),
            )
        )
        on_step(job.nfe, job.nfe)
        return to_speeches([mel.resample(torch.from_numpy(generated), made, job.rate)], [job])[0]

    def speak_many(self, jobs: Sequence[ipc.Speak], on_step: OnStep) -> list[Speech]:
        """One after the other: as it comes, stock f5-tts speaks one text at a time."""
        return [self.speak(job, on_step) for job in jobs]

    def compare(self, job: ipc.Compare, on_step: OnStep) -> Comparison:  # noqa: ARG002
        raise Refusal(Reason.ENGINE_ERROR, "stock f5-tts cannot be tuned: set engine.kind: native.")

    def counters(self) -> ipc.Counters:
        return ipc.Counters()

    def _add(self, voice: ipc.VoiceFiles) -> None:
        try:
            wave, rate = read_clip(voice.audio)
        except ClipError as error:
            self._voices.append(ipc.VoiceInfo(name=voice.name, problem=str(error)))
            return
        text = finish_sentence(voice.text).removesuffix(" ")  # infer_batch_process adds the last space itself
        self._clips[voice.name] = wave, rate, text
        seconds = len(wave) / rate
        self._voices.append(ipc.VoiceInfo(name=voice.name, seconds=seconds, text_bytes=len(text.encode())))
