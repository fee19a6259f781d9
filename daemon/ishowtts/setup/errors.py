"""How setup ends badly: one sentence, what mends it, and ishowctl's exit status for it."""

from __future__ import annotations

NOT_PERMITTED, REFUSED, BUSY, FAILED, INTERRUPTED = 3, 4, 5, 6, 130


class SetupError(Exception):
    def __init__(self, what: str, mend: str, status: int = FAILED) -> None:
        super().__init__(what)
        self.what, self.mend, self.status = what, mend, status

    def __str__(self) -> str:
        return f"{self.what} {self.mend}".strip()
