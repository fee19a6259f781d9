"""Texts to train on: sentences of plain words out of Debian's prose, and new ones made of their halves."""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from recipe import HERE, LONGEST, SHORTEST, finish_sentence, words_of

LANGUAGES = "de|fr|it|ja|es|pt|zh|ru|cs|pl"
OTHER_LANGUAGE = re.compile(rf"\.({LANGUAGES})[.-]|/({LANGUAGES}|ar|da|el|fa|hr|id|ko|nb|nl|ro|sv|tr|vi)[-_A-Z]*/")
LINKS = "and|or|but|that|which|when|if|because|to|with|for|in|of|by|as|from|on|is|are"
COMMON = 25  # a word of a held-out sentence is in the texts at least so often
HELD_OUT = 60


def write_texts(folders: list[Path], count: int, out: Path) -> None:
    """texts.txt in ``out`` and held_out.txt here."""
    from ishowtts.engine import tokens  # not needed, and not there, on the training machine

    found = clean_sentences(folders)
    natural = [s for s in found if _plain(s)]
    rng = random.Random(2)
    seen = Counter(word for s in natural for word in words_of(s))
    held = [s for s in natural if found[s] and _can_be_held_out(s, seen)][:HELD_OUT]
    taken = set(held)
    natural = [s for s in natural if s not in taken]
    short = [s for s in natural if len(s) <= LONGEST]
    all_texts = _with_halves(natural, short, taken, count, rng)
    joins = [(rng.choice(all_texts), rng.choice(all_texts)) for _ in range(2000)]
    apart = sum(tokens.tokenize(finish_sentence(a) + b) != list(finish_sentence(a) + b) for a, b in joins)
    rng.shuffle(all_texts)
    out.mkdir(parents=True, exist_ok=True)
    (out / "texts.txt").write_text("\n".join(all_texts) + "\n")
    (HERE / "held_out.txt").write_text("\n".join(held) + "\n")
    mean = sum(map(len, all_texts)) / len(all_texts)
    print(
        f"{len(natural)} natural sentences, {len(short)} used, {len(all_texts)} texts, mean length"
        f" {mean:.1f}; {apart} of {len(joins)} pairs are tokenised differently joined"
    )


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


def _plain(text: str) -> bool:
    """Whether the engine reads it character by character, alone and before another text."""
    from ishowtts.engine import reference_clip, tokens

    finished = finish_sentence(text)
    assert finished == reference_clip.finish_sentence(text)
    return tokens.tokenize(text) == list(text) and tokens.tokenize(finished) == list(finished)


def _can_be_held_out(s: str, seen: Counter[str]) -> bool:
    plain = s[-1] == "." and not set(",:-") & set(s)
    sized = 4 <= len(s.split()) <= 15 and 25 <= len(s) <= LONGEST
    return plain and sized and all(seen[word] >= COMMON for word in words_of(s))


def _with_halves(
    natural: list[str], short: Iterable[str], taken: set[str], count: int, rng: random.Random
) -> list[str]:
    """The short texts and so many recombined ones that they are ``count``."""
    firsts: list[str] = []
    links: list[str] = []
    by_link: dict[str, list[str]] = {}
    for s in natural:
        for match in re.finditer(rf"(,|:)? ({LINKS}) ", s):
            a, b = s[: match.start()], s[match.start() :]
            if 8 <= len(a) <= 50 and 8 <= len(b) <= 50:
                firsts.append(a)
                links.append(match.group(2))
                by_link.setdefault(match.group(2), []).append(b)
    mixed: dict[str, None] = dict.fromkeys(short)
    tries = 0
    while len(mixed) < count and tries < 40 * count:
        tries += 1
        i = rng.randrange(len(firsts))
        text = firsts[i] + rng.choice(by_link[links[i]])
        if SHORTEST <= len(text) <= LONGEST and text not in taken and _plain(text):
            mixed.setdefault(text)
    return list(mixed)


def _prose(file: Path) -> str:
    name = file.name
    fortunes = "fortunes" in file.parts and not file.suffix and "off" not in file.parts
    if not (fortunes or re.search(r"\.(txt|html|rst|md|en)(\.gz)?$", name) or name.startswith("README")):
        return ""
    if OTHER_LANGUAGE.search(str(file)):
        return ""
    try:
        raw = gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
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
