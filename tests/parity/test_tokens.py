"""Token ids against convert_char_to_pinyin + list_str_to_idx on mixed lines, with f5-tts's own vocabulary."""

from __future__ import annotations

import random
from importlib.resources import files
from pathlib import Path

import pytest
from f5_tts.model.utils import convert_char_to_pinyin, get_tokenizer, list_str_to_idx

from ishowtts.engine.tokens import Vocabulary, tokenize

VOCAB = str(files("f5_tts").joinpath("infer/examples/vocab.txt"))
ENGLISH = """
Hello, world; it's 3.14 o'clock -- don't panic! "Quoted" (and bracketed) text: 50% of $20 is $10. E-mail me at
a.b@c.org, or call 555-0199. The AGX-Orin ran v1.2.3 at 1300.5 MHz? Yes... naïve café über
""".split()
CHINESE = """
你好世界 今天天气很好 我们一起去北京大学 银行行长重新开会 一个不怕 谢谢你们 长城很长 他还钱了还没走
，。！？、 了不起 朝阳区
""".split()
MIXED = """
我用Python写代码 5G网络 iPhone手机 AI技术 NFE等于7 “引号” ‘单引’ A股 卡拉OK T恤 2026年11月
""".split()


def lines() -> list[str]:
    """240 seeded lines of words out of the three lists, with and without spaces."""
    dice = random.Random(7)
    made = []
    for i in range(240):
        words = dice.choices(ENGLISH + CHINESE + MIXED if i % 3 else CHINESE + MIXED, k=dice.randint(1, 12))
        made.append(dice.choice([" ", "", ", "]).join(words))
    return made


def test_ids_are_upstreams_on_240_mixed_lines() -> None:
    vocab, size = get_tokenizer(VOCAB, "custom")
    ours = Vocabulary.read(Path(VOCAB))
    assert len(ours) == size
    compared = 0
    for line in lines():
        theirs = convert_char_to_pinyin([line])[0]
        assert tokenize(line) == theirs, line
        if all(token in vocab for token in theirs):
            assert ours.encode(line) == list_str_to_idx([theirs], vocab)[0].tolist(), line
            compared += 1
    assert compared >= 200


@pytest.mark.parametrize("text", ["ABC abc", "a;b", "“x”", "  two  spaces ", "'tis", "x", "中", "中a文b", "..."])
def test_single_cases(text: str) -> None:
    assert tokenize(text) == convert_char_to_pinyin([text])[0]
