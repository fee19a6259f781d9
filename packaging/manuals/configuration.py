"""ishowtts.yaml(5), out of config/ishowtts.yaml: its sections, keys, defaults and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from manuals import roff
from manuals.commands import SEE_ALSO

_LINE = re.compile(r"( *)([a-z0-9_]+):(?: +(?!#)(.*?))?(?: +# (.*))?")
_TAKING_OVER = (
    "`ishowctl reload` takes a changed file over; it says what waits for `systemctl restart ishowttsd`. "
    "`ishowctl doctor` checks the files that it names."
)


@dataclass(frozen=True)
class Key:
    """``path`` such as engine.nfe; a section has no default."""

    path: str
    default: str
    comment: str


def keys(yaml: str) -> Iterator[Key]:
    """Every key of the file, in its order."""
    path: list[tuple[int, str]] = []
    for line in yaml.splitlines():
        match = _LINE.fullmatch(line)
        if match:
            indent = len(match[1])
            path = [*(part for part in path if part[0] < indent), (indent, match[2])]
            yield Key(".".join(name for _, name in path), match[3] or "", match[4] or "")


def page(yaml: str, date: str, version: str) -> str:
    header = " ".join(line.removeprefix("#").strip() for line in yaml.split("\n\n")[0].splitlines())
    example = "synthesis:\n  nfe: 7\nlimits:\n  queue: 16\n"
    return "".join(
        [
            roff.title("ishowtts.yaml", 5, date, version),
            roff.section("NAME", "ishowtts.yaml \\- configuration of the iShowTTS daemon\n"),
            roff.section("SYNOPSIS", "/etc/ishowtts/ishowtts.yaml\n.br\n/etc/ishowtts/conf.d/*.yaml\n"),
            roff.section("DESCRIPTION", roff.paragraph(header) + roff.paragraph(_TAKING_OVER)),
            roff.section("KEYS", "".join(map(_entry, keys(yaml)))),
            roff.section("EXAMPLES", roff.verbatim(example)),
            roff.section("SEE ALSO", roff.paragraph(SEE_ALSO)),
        ]
    )


def _entry(key: Key) -> str:
    if "." not in key.path:
        return roff.subsection(key.path, roff.paragraph(key.comment))
    tag = roff.bold(key.path) + (f" = {roff.italic(key.default)}" if key.default else "")
    return roff.item(tag, key.comment or "for example")
