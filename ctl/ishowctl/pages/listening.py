"""The page of a listening kit: blind A/B comparison in a browser, the audio in it."""

from __future__ import annotations

from base64 import b64encode
from string import Template
from typing import Any

from ishowctl.pages import shell


def page(description: dict[str, Any], wavs: dict[str, bytes]) -> str:
    """``description`` is the kit.json, ``wavs`` the files it names."""
    audio = {name: b64encode(wav).decode() for name, wav in wavs.items()}
    body = Template(shell.part("kit.html")).substitute(data=shell.data({**description, "audio": audio}))
    return shell.page("Blind listening", body, style="kit.css", scripts=("player.js", "kit.js"))
