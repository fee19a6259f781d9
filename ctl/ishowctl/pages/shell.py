"""What every page has around its body. Whatever text comes into it, only our own style and script are applied.

The page's Content-Security-Policy names them by their hashes and forbids the network: should some text of the daemon's
ever become markup, a browser still runs nothing of it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import Any

_FOLDER = Path(__file__).parent


def page(title: str, body: str, *, style: str, scripts: Sequence[str] = ()) -> str:
    """The whole page. ``body`` is HTML; ``style`` and ``scripts`` are names of files here."""
    css = part("base.css") + part(style)
    code = "".join(map(part, scripts))
    policy = f"default-src 'none'; style-src '{_hash(css)}'" + (f"; script-src '{_hash(code)}'" if code else "")
    return Template(part("page.html")).substitute(
        title=escape(title), policy=policy, style=css, body=body, script=f"<script>{code}</script>" if code else ""
    )


def part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def data(value: Any) -> str:
    """JSON for a data block: no text in it can end the block or begin another."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(content: str) -> str:
    return "sha256-" + b64encode(sha256(content.encode()).digest()).decode()
