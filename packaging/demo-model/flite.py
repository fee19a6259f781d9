"""flite through its C library, which tells for each phone the word it belongs to."""

from __future__ import annotations

import ctypes
import zlib
from typing import Any

import numpy as np
from recipe import VOICES


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p), ("rate", ctypes.c_int), ("samples", ctypes.c_int), ("channels", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_short)),
    ]  # fmt: skip


class Flite:
    """Debian's libflite1; its folder must be in LD_LIBRARY_PATH where it is not installed."""

    def __init__(self) -> None:
        p, s, f = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
        self._lib: Any = _library("flite")
        for name in ("flite_usenglish", "flite_cmulex"):
            _library(name)
        for name, result, arguments in (
            ("flite_synth_text", p, [s, p]), ("utt_wave", p, [p]), ("utt_relation", p, [p, s]),
            ("relation_head", p, [p]), ("item_next", p, [p]), ("item_parent", p, [p]), ("item_as", p, [p, s]),
            ("item_feat_string", s, [p, s]), ("item_feat_float", f, [p, s]), ("delete_utterance", None, [p]),
            ("feat_set_float", None, [p, s, f]),
        ):  # fmt: skip
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        self._libc = ctypes.CDLL(None)
        self._voices = {}
        for voice in VOICES:
            register = getattr(_library(f"flite_cmu_us_{voice}"), f"register_cmu_us_{voice}")
            register.restype, register.argtypes = p, [s]
            self._voices[voice] = register(None)

    def speak(self, voice: str, text: str, stretch: float = 1.0) -> tuple[np.ndarray, int, list[tuple[float, float]]]:
        """(samples int16, rate, one (start, end) in seconds a word of ``text``); words without a phone have 0, 0."""
        lib, handle = self._lib, self._voices[voice]
        features = ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[1]
        lib.feat_set_float(features, b"duration_stretch", stretch)
        # Its noise is libc's rand(): seeded, so that a recording does not depend on what the process spoke before.
        self._libc.srand(zlib.crc32(f"{voice} {text}".encode()))
        utterance = lib.flite_synth_text(text.encode(), handle)
        made = _Wave.from_address(lib.utt_wave(utterance))
        samples = np.ctypeslib.as_array(made.data, (made.samples,)).copy()
        rate = made.rate
        spans = self._word_spans(utterance)
        lib.delete_utterance(utterance)
        return samples, rate, spans

    def _word_spans(self, utterance: Any) -> list[tuple[float, float]]:
        lib = self._lib
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
        return spans


def _library(name: str) -> Any:
    return ctypes.CDLL(f"lib{name}.so.1", mode=ctypes.RTLD_GLOBAL)
