"""What a listener says about a recording: its words, whose voice it is, and how it ends."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from recipe import MEL, VOICES

from ishowtts.engine import mel as melody

TAIL_S = 0.05
QUIET_DB = -15.0  # the tail against the whole: a vowel cut off is above -10, the slowest whole ending at -19
LOUDEST_DB = 30.0  # frames this far below the loudest say nothing about a voice
PITCH_HZ = (60, 350)
PITCH_RATE = 8000
VOICED = 0.5  # of the autocorrelation at 0
SEMITONES = 4.0  # so much off in pitch weighs as much as an unrelated spectrum


@dataclass(frozen=True)
class Heard:
    """One sentence after it was spoken."""

    voice: str
    text: str
    heard: str
    sounds_like: str  # the voice
    tail_db: float
    audio_s: float
    made_s: float = 0.0  # 0 where nobody measured


@dataclass(frozen=True)
class Profile:
    pitch_hz: float  # median
    envelope: list[float]  # mean log-mel


class Ear:
    """pocketsphinx on 16 kHz, large-vocabulary US English."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError:
            raise SystemExit("evaluate: pocketsphinx is not in this environment: `make setup-dev`.") from None
        self._new = lambda: Decoder(samprate=16000, loglevel="FATAL")

    def hear(self, wave: torch.Tensor, rate: int) -> str:
        wave = melody.resample(wave, rate, 16000)
        wave = wave * min(
            0.1 / max(float(wave.square().mean().sqrt()), 1e-4), 0.95 / max(float(wave.abs().max()), 1e-4)
        )
        pcm = (F.pad(wave, (3200, 3200)) * 32767).short().numpy().tobytes()
        decoder = self._new()  # a fresh one: its cepstral mean adapts from utterance to utterance
        decoder.start_utt()
        decoder.process_raw(pcm, no_search=False, full_utt=True)
        decoder.end_utt()
        return " ".join(words(decoder.hyp().hypstr if decoder.hyp() else ""))


def words(text: str) -> list[str]:
    text = re.sub(r"\(\d+\)|<[^>]*>|\[[^]]*\]", "", text.lower())
    return re.sub(r"[^a-z' ]", " ", text).split()


def pitch_hz(wave: torch.Tensor, rate: int) -> float:
    """Median over the voiced frames, by autocorrelation; 0 where there is none."""
    size, hop = int(0.04 * PITCH_RATE), int(0.01 * PITCH_RATE)
    wave = melody.resample(wave, rate, PITCH_RATE)
    if len(wave) < size:
        return 0.0
    frames = wave.unfold(0, size, hop)
    frames = (frames - frames.mean(1, keepdim=True)) * torch.hann_window(size)
    window = torch.fft.irfft(torch.fft.rfft(torch.hann_window(size), 2 * size).abs().square())
    correlation = torch.fft.irfft(torch.fft.rfft(frames, 2 * size).abs().square()) / (window / window[0])
    correlation = correlation / correlation[:, :1].clamp(min=1e-9)
    shortest, longest = (PITCH_RATE // hz for hz in reversed(PITCH_HZ))
    before, at, after = (correlation[:, shortest + i : longest + 1 + i] for i in (-1, 0, 1))
    peak = at.max(1).values
    # Two periods match as well as one: the first crest that is nearly the highest.
    crest = (at >= before) & (at >= after) & (at >= 0.9 * peak[:, None])
    lag = crest.int().argmax(1)
    loud = frames.square().mean(1) > frames.square().mean(1).max() / 10 ** (LOUDEST_DB / 10)
    voiced = (peak > VOICED) & crest.any(1) & loud
    return float(PITCH_RATE / (shortest + lag[voiced]).float().median()) if bool(voiced.any()) else 0.0


def envelope(wave: torch.Tensor, rate: int) -> torch.Tensor:
    """[mels]: mean log-mel of the loud frames, without its level."""
    mel = melody.log_mel(melody.resample(wave, rate, MEL.target_sample_rate), MEL)
    level = mel.exp().square().sum(1)
    mean = mel[level > level.max() / 10 ** (LOUDEST_DB / 10)].mean(0)
    return mean - mean.mean()


def profile(recordings: list[tuple[torch.Tensor, int]]) -> Profile:
    pitches = [pitch_hz(wave, rate) for wave, rate in recordings]
    mean = torch.stack([envelope(wave, rate) for wave, rate in recordings]).mean(0)
    return Profile(round(float(np.median(pitches)), 1), [round(x, 3) for x in mean.tolist()])


def nearest_voice(wave: torch.Tensor, rate: int, profiles: dict[str, Profile]) -> str:
    """By pitch, and by the correlation of what sets the envelopes apart."""
    middle = torch.tensor([each.envelope for each in profiles.values()]).mean(0)
    pitch, mine = pitch_hz(wave, rate), envelope(wave, rate) - middle

    def distance_to(name: str) -> float:
        other = torch.tensor(profiles[name].envelope) - middle
        semitones = abs(12 * np.log2(max(pitch, 1.0) / profiles[name].pitch_hz))
        return float(semitones / SEMITONES + 1 - torch.corrcoef(torch.stack((mine, other)))[0, 1])

    return min(VOICES, key=distance_to)


def tail_db(wave: torch.Tensor, rate: int) -> float:
    """Loudness of the last 50 ms against the whole."""
    tail = wave[-int(TAIL_S * rate) :]
    power = [float(part.square().mean()) + 1e-12 for part in (tail, wave)]
    return round(10 * float(np.log10(power[0] / power[1])), 1)


class Listener:
    def __init__(self, profiles: dict[str, Profile]) -> None:
        self._ear, self._profiles = Ear(), profiles

    def listen(self, voice: str, text: str, wave: torch.Tensor, rate: int, made_s: float = 0.0) -> Heard:
        return Heard(
            voice=voice,
            text=text,
            heard=self._ear.hear(wave, rate),
            sounds_like=nearest_voice(wave, rate, self._profiles),
            tail_db=tail_db(wave, rate),
            audio_s=round(len(wave) / rate, 3),
            made_s=made_s,
        )


@dataclass(frozen=True)
class Teacher:
    """flite's own recordings of the held-out sentences, as heard."""

    profiles: dict[str, Profile]
    sentences: list[Heard]

    @classmethod
    def read(cls, file: Path) -> Teacher:
        tree = json.loads(file.read_text(encoding="utf-8"))
        profiles = {voice: Profile(**each) for voice, each in tree["voices"].items()}
        return cls(profiles, [Heard(**each) for each in tree["sentences"]])

    def write(self, file: Path) -> None:
        voices = {voice: asdict(each) for voice, each in self.profiles.items()}
        rows = ",\n  ".join(json.dumps(asdict(each)) for each in self.sentences)  # one a line, for the diffs
        file.write_text(f'{{"voices": {json.dumps(voices)},\n"sentences": [\n  {rows}\n]}}\n', encoding="utf-8")
