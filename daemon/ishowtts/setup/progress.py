"""What a person sees while setup works: a bar on a terminal, else a line for each tenth. On standard error."""

from __future__ import annotations

import sys
from typing import TextIO

BAR_CHARS = 30


class Progress:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._shown: tuple[str, int] = ("", -1)
        self._open_line = False

    def line(self, text: str) -> None:
        if self._open_line:
            self._stream.write("\n")
        self._open_line = False
        print(text, file=self._stream, flush=True)

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes of the file ``name``."""
        percent = int(100 * done / total) if total else 0
        step = percent if self._is_terminal else percent // 10
        if (name, step) == self._shown and total:
            return
        self._shown = (name, step)
        amount = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
        if self._is_terminal:
            bar = "#" * (BAR_CHARS * percent // 100)
            self._stream.write(f"\r\x1b[K  {name} [{bar:<{BAR_CHARS}}] {percent:3d} % {amount}")
            self._stream.flush()
            self._open_line = True
        else:
            print(f"  {name}: {percent} % ({amount})", file=self._stream, flush=True)
