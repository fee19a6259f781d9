"""man(7): escaping and the few macros that the pages use. Every function gives whole lines."""

from __future__ import annotations

import re
import textwrap


def text(words: str) -> str:
    """Plain words in a page; `code` in bold."""
    marked = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _escape(" ".join(words.split())))
    lines = textwrap.wrap(marked, 79, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(_guard, lines))


def title(name: str, section: int, date: str, version: str) -> str:
    return f'.TH "{name.upper()}" "{section}" "{date}" "iShowTTS {version}" "iShowTTS"\n'


def section(name: str, body: str) -> str:
    return f".SH {name}\n{_opened(body)}" if body else ""


def subsection(name: str, body: str) -> str:
    return f'.SS "{_escape(name)}"\n{_opened(body)}'


def _opened(body: str) -> str:
    """A heading begins a paragraph by itself."""
    return body.removeprefix(".PP\n")


def paragraph(words: str) -> str:
    return f".PP\n{text(words)}\n" if words else ""


def item(tag: str, words: str) -> str:
    """``tag`` has its own markup: see `bold` and `italic`."""
    return f".TP\n{tag}\n{text(words)}\n"


def verbatim(block: str) -> str:
    lines = "\n".join(_guard(_escape(line)) or "\\&" for line in textwrap.dedent(block.strip("\n")).splitlines())
    return f".PP\n.nf\n.RS\n{lines}\n.RE\n.fi\n"


def bold(words: str) -> str:
    return f"\\fB{_escape(words)}\\fR"


def italic(words: str) -> str:
    return f"\\fI{_escape(words)}\\fR"


def _escape(words: str) -> str:
    return words.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")


def _guard(line: str) -> str:
    """A line that begins like a macro is none."""
    return f"\\&{line}" if line.startswith((".", "'")) else line
