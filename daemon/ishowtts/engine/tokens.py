"""Text to token ids, exactly as f5-tts does it (convert_char_to_pinyin and list_str_to_idx, f5_tts/model/utils.py).

With one difference: what the vocabulary lacks is refused by name, where upstream would speak index 0 (a space).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import rjieba
from pypinyin import Style, lazy_pinyin

from ishowtts import places
from ishowtts.engine.base import SetupRequired
from ishowtts.text.normalize import is_hanzi, unsupported

_REPLACED = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})


class Vocabulary:
    """A vocab.txt: one token a line, its index is the line's."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._index = {token: i for i, token in enumerate(tokens)}

    @classmethod
    def read(cls, file: Path) -> Vocabulary:
        """Raises SetupRequired when the file is missing or is no vocabulary."""
        try:
            with file.open(encoding="utf-8", newline="\n") as lines:
                tokens = [line.removesuffix("\n") for line in lines]
        except OSError as error:
            raise SetupRequired(f"{file} cannot be read: {error.strerror}.", places.mend_by_setup()) from None
        except ValueError:
            raise SetupRequired(f"{file} is no vocabulary: it is not UTF-8 text.") from None
        if any(token.endswith("\r") for token in tokens[:2]) or tokens[:1] == ["\ufeff "]:
            raise SetupRequired(f"{file} has DOS line ends or a byte order mark: save it as plain UTF-8 with LF.")
        if not tokens or tokens[0] != " ":
            raise SetupRequired(f"{file} is no f5-tts vocabulary: its first line must be a single space.")
        return cls(tokens)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def characters(self) -> str:
        return "".join(token for token in self._index if len(token) == 1)

    @property
    def pinyin(self) -> bool:
        """Whether it was made for Mandarin: a handful of common syllables tell."""
        return all(syllable in self._index for syllable in ("de5", "shi4", "zhong1")) or all(
            syllable in self._index for syllable in ("de", "shi4", "zhong1")
        )

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``; raises Refusal naming the first characters that the vocabulary lacks."""
        tokens = tokenize(text)
        missing = list(dict.fromkeys(token for token in tokens if token not in self._index))
        if missing:
            raise unsupported(missing)
        return [self._index[token] for token in tokens]


def tokenize(text: str) -> list[str]:
    """Characters, and pinyin syllables with tone digits for hanzi, spaced as the models were trained."""
    tokens: list[str] = []
    for word in rjieba.cut(text.translate(_REPLACED)):
        size = len(word.encode())
        if size == len(word):
            if tokens and size > 1 and tokens[-1] not in " :'\"":
                tokens.append(" ")
            tokens.extend(word)
        elif size == 3 * len(word):
            tokens.extend(_east_asian(word))
        else:
            for char in word:
                tokens.extend([" ", *_pinyin(char)] if ord(char) >= 256 and is_hanzi(char) else [char])
    return tokens


def _east_asian(word: str) -> Iterable[str]:
    syllables = _pinyin(word)
    if len(syllables) != len(word):  # pypinyin keeps a run of other characters together
        syllables = [_pinyin(char)[0] for char in word]
    for char, syllable in zip(word, syllables, strict=True):
        if is_hanzi(char):
            yield " "
        yield syllable


def _pinyin(word: str) -> list[str]:
    syllables: list[str] = lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True)
    return syllables
