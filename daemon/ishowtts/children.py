"""How a program of ours is started as a child, in an interpreter that may be another one.

In the .deb a launcher picks the libraries that come along by the child's own ABI, whatever its Python is, and takes
nothing from the caller's folder or environment: `ishowctl setup` is run by root, anywhere. In a checkout an interpreter
that is not ours is shown this package, and nothing else of ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGES = Path(__file__).resolve().parent.parent
LAUNCHER = _PACKAGES.parent / "launch.py"


def command(python: str, module: str, *arguments: str) -> list[str]:
    """The command line that runs ``module`` as `python -m` would."""
    how = ["-I", str(LAUNCHER)] if LAUNCHER.exists() else ["-m"]
    return [python, *how, module, *arguments]


def variables(python: str) -> dict[str, str]:
    """What its environment needs beside ours."""
    return {} if python == sys.executable or LAUNCHER.exists() else {"PYTHONPATH": str(_PACKAGES)}
