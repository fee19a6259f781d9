"""Numbers and symbols as English words, for a model whose vocabulary has no signs for them. Pure."""

from __future__ import annotations

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_LONGEST = 15  # digits; beyond that nobody follows: they are read one by one, as is what starts with a zero
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_MONEY = {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds"), "¥": ("yen", "yen")}
_NUMBER = re.compile(
    r"(?P<money>[$€£¥])?(?P<minus>(?<![\w)])-)?(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(?P<rest>\d+))?"
    r"(?P<ordinal>(?:st|nd|rd|th)\b)?"
)

SYMBOLS = {
    "%": "percent", "&": "and", "+": "plus", "=": "equals", "@": "at", "#": "number", "°": "degrees", "/": "slash",
    "\\": "backslash", "_": "underscore", "*": "star", "<": "less than", ">": "more than", "~": "about", "^": "caret",
    "|": "bar", "$": "dollars", "€": "euros", "£": "pounds", "¥": "yen", "§": "section", "©": "copyright",
    "÷": "divided by", "±": "plus or minus", "×": "times", "½": "one half", "¼": "one quarter", "¾": "three quarters",
    "²": "squared", "³": "cubed", "−": "minus", "⁄": "over",
}  # fmt: skip


def spell_numbers(text: str) -> str:
    """`2 of the 21st` -> `two of the twenty-first`; money, decimals, grouped thousands and minus signs too."""
    return _NUMBER.sub(_spell_match, text)


def spell_symbols(text: str, known: str) -> str:
    """Write the symbols that are not in ``known`` as words."""
    unknown = {ord(symbol): f" {word} " for symbol, word in SYMBOLS.items() if symbol not in known}
    return text.translate(unknown)


def cardinal(number: int) -> str:
    """0 and above, below 10**15."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    scale, name = next((scale, name) for scale, name in _SCALES if number >= scale)
    many, rest = divmod(number, scale)
    return f"{cardinal(many)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    head, last = re.fullmatch(r"(.*?)(\w+)", cardinal(number)).groups()  # type: ignore[union-attr]
    return head + _ORDINALS.get(last, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def _spell_match(match: re.Match[str]) -> str:
    whole, rest, money = match["whole"].replace(",", ""), match["rest"], match["money"]
    one_by_one = len(whole) > _LONGEST or (len(whole) > 1 and whole[0] == "0")
    if match["ordinal"] and not rest and not one_by_one:
        said = ordinal(int(whole))
    else:
        said = _digits(whole) if one_by_one else cardinal(int(whole))
        said += (f" point {_digits(rest)}" if rest else "") + (match["ordinal"] or "")
    if match["minus"]:
        said = f"minus {said}"
    if money:
        said += f" {_MONEY[money][said != 'one']}"
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return (" " if before.isalnum() else "") + said + (" " if after.isalnum() else "")


def _digits(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)
