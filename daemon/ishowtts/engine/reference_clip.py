"""A voice's clip made ready once: what the model is conditioned on (f5_tts/infer/utils_infer.py)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import soundfile
import torch
from torch import Tensor

from ishowtts import ipc
from ishowtts.engine import mel
from ishowtts.engine.arch import MelConfig

TARGET_RMS = 0.1
PEAK_MAX = 100.0
# Upstream clips a longer one and keeps its whole text, which garbles the speech; a shorter one says too little.
SHORTEST_S, LONGEST_S = 1.0, 12.5
SHORT_TEXT_BYTES, SHORT_TEXT_SPEED = 10, 0.3  # upstream gives very short texts three times their share


RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
BYTES_PER_S = (2.0, 80.0)  # no speech is slower or faster; outside, clip and text do not belong together


class ClipError(Exception):
    """This clip cannot be a voice; one sentence why."""


@dataclass(frozen=True)
class Reference:
    name: str
    text: str  # as it stands before the text to speak
    mel: Tensor  # [frames + 1, mels], fp32
    frames: int
    gain: float  # brings the speech back to the clip's loudness
    seconds: float

    def info(self) -> ipc.VoiceInfo:
        return ipc.VoiceInfo(
            name=self.name,
            seconds=self.seconds,
            text_bytes=len(self.text.encode()),
            fingerprint=hashlib.sha256(self.text.encode() + self.mel.cpu().numpy().tobytes()).hexdigest()[:16],
        )

    def total_frames(self, text: str, speed: float) -> int:
        """Reference and speech together, at the reference's own bytes a second."""
        if len(text.encode()) < SHORT_TEXT_BYTES:
            speed *= SHORT_TEXT_SPEED
        return self.frames + int(self.frames / len(self.text.encode()) * len(text.encode()) / speed)


def read_clip(path: str) -> tuple[Tensor, int]:
    """([samples] mono, rate); raises ClipError for what is no usable recording."""
    try:
        info = soundfile.info(path)
        if not SHORTEST_S <= info.frames / info.samplerate <= LONGEST_S:
            limits = f"{SHORTEST_S:.0f} to {LONGEST_S:.0f} s"
            raise ClipError(f"{path} lasts {info.frames / info.samplerate:.1f} s, not {limits}: cut it and its text.")
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError) as error:
        raise ClipError(f"{path} cannot be read: {str(error).rstrip('.')}.") from None
    if info.samplerate not in RATES:
        raise ClipError(f"{path} has {info.samplerate} Hz; a usual rate is needed, such as 24000 or 44100.")
    wave = torch.from_numpy(samples).mean(dim=1)
    if not torch.isfinite(wave).all() or wave.abs().max() < 1e-3:
        raise ClipError(f"{path} is silent or holds numbers that are no audio.")
    return wave, rate


def prepare(voice: ipc.VoiceFiles, config: MelConfig, device: torch.device) -> Reference:
    wave, rate = read_clip(voice.audio)
    text = finish_sentence(voice.text)
    pace = len(text.encode()) * rate / len(wave)
    if not BYTES_PER_S[0] <= pace <= BYTES_PER_S[1]:
        raise ClipError(f"its text does not fit {voice.audio}: {pace:.1f} bytes a second is no speech.")
    if float(wave.abs().max()) > PEAK_MAX:
        raise ClipError(f"{voice.audio} has samples far beyond full scale: save it as 16 bit.")
    rms = wave.square().mean().sqrt()
    gain = min(float(rms) / TARGET_RMS, 1.0)
    wave = mel.resample(wave / gain, rate, config.target_sample_rate)
    return Reference(
        name=voice.name,
        text=text,
        mel=mel.log_mel(wave.to(device), config),
        frames=len(wave) // config.hop_length,
        gain=gain,
        seconds=len(wave) / config.target_sample_rate,
    )


def finish_sentence(text: str) -> str:
    """The transcript with upstream's ending: a full stop if it has none, and its spaces."""
    if not text.endswith((". ", "。")):
        text += " " if text.endswith(".") else ". "
    return text + " " if len(text[-1].encode()) == 1 else text
