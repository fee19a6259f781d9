"""Training data of the demo model: texts from Debian prose, spoken by flite, on one clock.

    data.py texts FOLDER...          texts.txt (training) and held_out.txt from the prose in FOLDERs (packages unpacked)
    data.py speech OUT               shards of mels for texts.txt, written one by one while training already runs
    data.py voices OUT               the three reference clips with their transcripts

flite is called through its C library, which tells for each phone the word it belongs to. Each utterance's mel is warped
piecewise-linearly so that every character lasts RATE frames: inference spreads the characters evenly, and a model
this small learns to read in minutes only when the speech does the same. Everything follows from the seed.
"""

from __future__ import annotations

import argparse
import ctypes
import gzip
import multiprocessing
import os
import random
import re
import sys
import time
import wave as wavefile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "daemon"))
from ishowtts.engine import mel as melody  # noqa: E402
from ishowtts.engine.arch import MelConfig  # noqa: E402

VOICES = ("slt", "rms", "awb")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCAB = [" ", *LETTERS.upper(), *LETTERS, *".,?!'-:"]
INDEX = {char: i for i, char in enumerate(VOCAB)}
RATE = 6  # frames a character: 64 ms, close to what the three voices do by themselves
MEL = MelConfig()
FPS = MEL.target_sample_rate / MEL.hop_length
LEAD_S = 0.03
SHORTEST, LONGEST = 12, 92  # characters
RMS = 0.1
SHARD = 125


def finish_sentence(text: str) -> str:
    """A reference's text as it stands before the text to speak (ishowtts.engine.reference_clip, upstream's rule)."""
    if not text.endswith(". "):
        text += " " if text.endswith(".") else ". "
    return text + " "


# --- texts ----------------------------------------------------------------------------------------------------------


def clean_sentences(folders: list[Path]) -> dict[str, bool]:
    """Distinct sentences of plain words in a seeded order, with whether they come from documentation."""
    found: dict[str, bool] = {}
    for folder in folders:
        for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            for sentence in _sentences(_prose(file)):
                found.setdefault(sentence, "games" not in file.parts)
    sentences = list(found.items())
    random.Random(1).shuffle(sentences)
    return dict(sentences)


def _words(sentence: str) -> list[str]:
    return [word.strip(".,?!':-").lower() for word in sentence.split()]


def _prose(file: Path) -> str:
    name = file.name
    fortunes = "fortunes" in file.parts and not file.suffix and "off" not in file.parts
    if not (fortunes or re.search(r"\.(txt|html|rst|md|en)(\.gz)?$", name) or name.startswith("README")):
        return ""
    if re.search(
        r"\.(de|fr|it|ja|es|pt|zh|ru|cs|pl)[.-]|/(de|fr|it|ja|es|pt|zh|ru|cs|pl|ar|da|el|fa|hr|id|ko|nb|nl|ro|sv|tr|vi)[-_A-Z]*/",
        str(file),
    ):
        return ""
    try:
        raw = gzip.open(file).read() if name.endswith(".gz") else file.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    if "html" in name:
        text = re.sub(r"<(script|style|pre|code)\b.*?</\1>", " | ", text, flags=re.S)
        text = re.sub(r"</?(a|em|i|b|strong|span|tt)\b[^>]*>", "", text)
        text = re.sub(r"<[^>]*>", "\n\n", text)
        text = text.replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", '"').replace("&nbsp;", " ")
    return text.replace("\u2019", "'").replace("\xa0", " ")


def _sentences(text: str) -> list[str]:
    kept = []
    for paragraph in re.split(r"\n\s*\n|\n%\n|\n\s*[-*\u2022]", text):
        paragraph = " ".join(paragraph.split())
        for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z])", paragraph):
            sentence = sentence.strip(" \"'").replace(";", ",")
            if (
                SHORTEST <= len(sentence) <= 150
                and re.fullmatch(r"[A-Z][a-z']*(?:[,:]? [A-Za-z][a-z']*(?:-[a-z]+)*)+[.?!]", sentence)
                and len(sentence.split()) >= 3
                and not re.search(r"\b(?:[b-zB-HJ-Z]|[^aeiouyAEIOUY' ]+)\b(?!')", sentence.split(" ", 1)[1])
                and not re.search(r"\b(etc|eg|ie|vs|Mr|Mrs|Dr|Inc|Jr|Lt|St|Ltd|Corp)\b", sentence)
            ):
                kept.append(sentence)
    return kept


def texts(folders: list[Path], count: int, out: Path) -> None:
    from ishowtts.engine import reference_clip, tokens  # not needed, and not there, on the training machine

    def plain(text: str) -> bool:
        finished = finish_sentence(text)
        assert finished == reference_clip.finish_sentence(text)
        return tokens.tokenize(text) == list(text) and tokens.tokenize(finished) == list(finished)

    found = clean_sentences(folders)
    natural = [s for s in found if plain(s)]
    rng = random.Random(2)
    seen = Counter(word for s in natural for word in _words(s))
    held = [
        s for s in natural
        if found[s] and s[-1] == "." and not set(",:-") & set(s) and 4 <= len(s.split()) <= 15
        and 25 <= len(s) <= LONGEST and all(seen[word] >= 25 for word in _words(s))
    ][:60]  # fmt: skip
    taken = set(held)
    natural = [s for s in natural if s not in taken]
    firsts, seconds = [], []
    for s in natural:
        for match in re.finditer(
            r"(,|:)? (and|or|but|that|which|when|if|because|to|with|for|in|of|by|as|from|on|is|are) ", s
        ):
            a, b = s[: match.start()], s[match.start() :]
            if 8 <= len(a) <= 50 and 8 <= len(b) <= 50:
                firsts.append(a)
                seconds.append((match.group(2), b))
    short = [s for s in natural if len(s) <= LONGEST]
    by_word: dict[str, list[str]] = {}
    for word, b in seconds:
        by_word.setdefault(word, []).append(b)
    mixed: dict[str, None] = dict.fromkeys(short)
    tries = 0
    while len(mixed) < count and tries < 40 * count:
        tries += 1
        i = rng.randrange(len(firsts))
        text = firsts[i] + rng.choice(by_word[seconds[i][0]])
        if SHORTEST <= len(text) <= LONGEST and text not in taken and plain(text):
            mixed.setdefault(text)
    all_texts = list(mixed)
    joins = [(rng.choice(all_texts), rng.choice(all_texts)) for _ in range(2000)]
    apart = sum(tokens.tokenize(finish_sentence(a) + b) != list(finish_sentence(a) + b) for a, b in joins)
    rng.shuffle(all_texts)
    out.mkdir(parents=True, exist_ok=True)
    (out / "texts.txt").write_text("\n".join(all_texts) + "\n")
    (HERE / "held_out.txt").write_text("\n".join(held) + "\n")
    print(
        f"{len(natural)} natural sentences, {len(short)} used, {len(all_texts)} texts, mean length"
        f" {np.mean([len(t) for t in all_texts]):.1f}; {apart} of {len(joins)} pairs are tokenised differently joined"
    )


# --- flite ----------------------------------------------------------------------------------------------------------


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p), ("rate", ctypes.c_int), ("samples", ctypes.c_int), ("channels", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_short)),
    ]  # fmt: skip


class Flite:
    """flite's C library; its folder must be in LD_LIBRARY_PATH where it is not installed."""

    def __init__(self) -> None:
        p, s, f = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
        load = lambda name: ctypes.CDLL(f"lib{name}.so.1", mode=ctypes.RTLD_GLOBAL)  # noqa: E731
        self._lib: Any = load("flite")
        for name in ("flite_usenglish", "flite_cmulex"):
            load(name)
        for name, result, arguments in (
            ("flite_synth_text", p, [s, p]), ("utt_wave", p, [p]), ("utt_relation", p, [p, s]),
            ("relation_head", p, [p]), ("item_next", p, [p]), ("item_parent", p, [p]), ("item_as", p, [p, s]),
            ("item_feat_string", s, [p, s]), ("item_feat_float", f, [p, s]), ("delete_utterance", None, [p]),
            ("feat_set_float", None, [p, s, f]),
        ):  # fmt: skip
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        self._voices = {}
        for voice in VOICES:
            register = getattr(load(f"flite_cmu_us_{voice}"), f"register_cmu_us_{voice}")
            register.restype, register.argtypes = p, [s]
            self._voices[voice] = register(None)

    def speak(self, voice: str, text: str, stretch: float = 1.0) -> tuple[np.ndarray, int, list[tuple[float, float]]]:
        """(samples int16, rate, one (start, end) in seconds a word of ``text``); words without a phone have 0, 0."""
        lib, handle = self._lib, self._voices[voice]
        features = ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[1]
        lib.feat_set_float(features, b"duration_stretch", stretch)
        utterance = lib.flite_synth_text(text.encode(), handle)
        made = _Wave.from_address(lib.utt_wave(utterance))
        samples = np.ctypeslib.as_array(made.data, (made.samples,)).copy()
        rate = made.rate
        order: dict[int, int] = {}
        token = lib.relation_head(lib.utt_relation(utterance, b"Token"))
        while token:
            order[lib.item_as(token, b"Token")] = len(order)
            token = lib.item_next(token)
        spans = [(0.0, 0.0)] * len(order)
        segment, begin = lib.relation_head(lib.utt_relation(utterance, b"Segment")), 0.0
        while segment:
            end = lib.item_feat_float(segment, b"end")
            structure = lib.item_as(segment, b"SylStructure")
            if structure:
                word = lib.item_parent(lib.item_parent(structure))
                place = order[lib.item_parent(lib.item_as(word, b"Token"))]
                first = spans[place][0] if spans[place][1] else begin
                spans[place] = (first, end)
            begin = end
            segment = lib.item_next(segment)
        lib.delete_utterance(utterance)
        return samples, rate, spans


# --- one clock ------------------------------------------------------------------------------------------------------


def anchors(text: str, spans: list[tuple[float, float]]) -> tuple[list[float], list[float]] | None:
    """(seconds, characters): where the reading stands when; None when flite's words are not the text's."""
    words = text.split(" ")
    if len(words) != len(spans) or any(end <= start for start, end in spans):
        return None
    source, target, place = [max(spans[0][0] - LEAD_S, 0.0)], [0.0], 0
    for i, word in enumerate(words):
        letters = place + len(word.rstrip(".,?!:'-"))
        following = place + len(word) + 1
        if i == len(words) - 1 or spans[i + 1][0] - spans[i][1] > 0.01:
            source.append(spans[i][1])
            target.append(letters)
            if i < len(words) - 1:
                source.append(spans[i + 1][0])
                target.append(following)
        else:
            source.append(spans[i][1])
            target.append(following)
        place = following
    speeds = np.diff(source) * FPS / (np.diff(target) * RATE)
    return (source, target) if speeds.max() < 3.2 and speeds.min() > 0.15 else None


def log_mel(samples: np.ndarray, rate: int, begin: float, end: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(mel, wave at 24 kHz), loudness set by the speech between ``begin`` and ``end`` seconds."""
    wave = melody.resample(torch.from_numpy(samples.astype(np.float32) / 32768), rate, MEL.target_sample_rate)
    speech = wave[int(begin * MEL.target_sample_rate) : int(end * MEL.target_sample_rate)]
    wave = (wave * (RMS / speech.square().mean().sqrt().clamp(min=1e-4))).clamp(-1, 1)
    return melody.log_mel(wave, MEL), wave


def warp(mel: torch.Tensor, source: list[float], target: list[float], characters: int) -> torch.Tensor:
    """[RATE * characters, mels]: after the last anchor the natural silence runs on, its last frame held."""
    frames = (np.arange(RATE * characters) + 0.5) / RATE
    last = source[-1] + (frames - target[-1]) * RATE / FPS
    at = np.where(frames < target[-1], np.interp(frames, target, source), last) * FPS
    at = torch.from_numpy(at).float().clamp(0, len(mel) - 4)  # the very last frames see the wave's end
    low = at.long()
    part = (at - low)[:, None]
    return mel[low] * (1 - part) + mel[low + 1] * part


_flite: Flite | None = None


def _shard(job: tuple[int, str, list[str], Path, bool]) -> tuple[int, int, float, float]:
    global _flite
    torch.set_num_threads(1)
    _flite = _flite or Flite()
    number, voice, lines, out, with_waves = job
    mels, tokens, sizes, waves, seconds, natural = [], [], [], [], 0.0, []
    for text in lines:
        samples, rate, spans = _flite.speak(voice, text)
        pair = anchors(text, spans)
        if pair is None:
            continue
        finished = finish_sentence(text)
        mel, wave = log_mel(samples, rate, pair[0][0], pair[0][-1])
        mels.append(warp(mel, *pair, len(finished)).half().numpy())
        tokens.extend(INDEX[char] for char in finished)
        sizes.append((len(text), len(finished)))
        natural.append((pair[0][-1] - pair[0][0]) * FPS / pair[1][-1])
        seconds += len(samples) / rate
        if with_waves:
            waves.append((wave[int(pair[0][0] * 24000) :] * 32767).short().numpy())
    parts = {"mel": np.concatenate(mels), "tokens": np.array(tokens, np.uint8), "sizes": np.array(sizes, np.int32)}
    if with_waves:
        parts |= {"wave": np.concatenate(waves)}
    partial = out / f".{number:04d}.npz"
    np.savez(partial, voice=VOICES.index(voice), **parts)
    partial.rename(out / f"{number:04d}.npz")
    return len(sizes), len(lines), seconds, float(np.mean(natural))


def speech(out: Path, file: Path, count: int, processes: int, wave_shards: int, shard: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lines = file.read_text().splitlines()[:count]
    chunks = [lines[i : i + shard] for i in range(0, len(lines), shard)]
    jobs = [(i, VOICES[i % 3], chunk, out, i < wave_shards) for i, chunk in enumerate(chunks)]
    began, kept, tried, seconds = time.time(), 0, 0, 0.0
    with multiprocessing.Pool(processes) as pool:
        for done, (good, all_, spoken, natural) in enumerate(pool.imap_unordered(_shard, jobs), 1):
            kept, tried, seconds = kept + good, tried + all_, seconds + spoken
            if done % 20 == 0 or done == len(jobs) or len(jobs) < 20:
                print(
                    f"data {time.time() - began:.0f} s: {done}/{len(jobs)} shards, {kept}/{tried} utterances,"
                    f" {seconds / 3600:.2f} h, {natural:.2f} frames a character naturally",
                    flush=True,
                )
    (out / "complete").touch()


def voices(out: Path, file: Path) -> None:
    """Of the training texts, one a voice whose natural timing is next to even, stretched to RATE exactly."""
    flite = Flite()
    out.mkdir(parents=True, exist_ok=True)
    known = file.read_text().splitlines()
    seen = Counter(word for text in known for word in _words(text))
    plain = [t for t in known if 42 <= len(t) <= 56 and t.endswith(".") and not set(",:-") & set(t)]
    lines = [t for t in plain if all(seen[word] >= 25 for word in _words(t))][:240]
    for number, voice in enumerate(VOICES):
        best: tuple[float, str, float] | None = None
        for text in lines[number::3]:
            _, _, spans = flite.speak(voice, text)
            pair = anchors(text, spans)
            if pair is None:
                continue
            at, place = np.array(pair[0]), np.array(pair[1])
            even = at[0] + (at[-1] - at[0]) * place / place[-1]
            worst = float(np.abs(at - even).max())
            stretch = float(place[-1] * RATE / FPS / (at[-1] - at[0]))
            if 0.95 <= stretch <= 1.1 and (best is None or worst < best[0]):
                best = (worst, text, stretch)
        assert best is not None
        worst, text, stretch = best
        for _ in range(4):  # the lead and the library's rounding do not stretch: close in
            samples, rate, spans = flite.speak(voice, text, stretch)
            source, target = anchors(text, spans) or ([0.0, 1.0], [0.0, 1.0])
            stretch *= target[-1] * RATE / FPS / (source[-1] - source[0])
        samples, rate, spans = flite.speak(voice, text, stretch)
        source, target = anchors(text, spans) or ([0.0, 1.0], [0.0, 1.0])
        _, wave = log_mel(samples, rate, source[0], source[-1])
        length = RATE * len(finish_sentence(text)) * MEL.hop_length
        wave = wave[int(source[0] * 24000) :][:length]
        wave = torch.nn.functional.pad(wave, (0, length - len(wave)))
        wave = wave * (1.003 * RMS / wave.square().mean().sqrt())  # at least 0.1, so that inference leaves it as it is
        with wavefile.open(str(out / f"{voice}.wav"), "wb") as clip:
            clip.setnchannels(1), clip.setsampwidth(2), clip.setframerate(24000)
            clip.writeframes((wave.clamp(-1, 1) * 32767).round().short().numpy().tobytes())
        (out / f"{voice}.txt").write_text(text + "\n")
        print(f"{voice}: {length / 24000:.2f} s, {1000 * worst:.0f} ms off even, stretch {stretch:.2f}: {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("texts", "speech", "voices"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--texts", type=Path, default=HERE / ".gpu" / "texts.txt")
    parser.add_argument("--count", type=int, default=36_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--wave-shards", type=int, default=18)
    parser.add_argument("--shard", type=int, default=SHARD)
    args = parser.parse_args()
    if args.what == "texts":
        texts(args.paths, args.count, args.texts.parent)
    elif args.what == "speech":
        speech(args.paths[0], args.texts, args.count, args.processes, args.wave_shards, args.shard)
    else:
        voices(args.paths[0], args.texts)


if __name__ == "__main__":
    main()
