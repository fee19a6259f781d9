"""Where things live on a machine that has the package. A checkout has none of this: `here()` is None there.

$ISHOWTTS_ROOT puts a folder in front of every path, for tests and for looking into an unpacked package.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

CONFIG = "/etc/ishowtts/ishowtts.yaml"
UNIT = "ishowttsd.service"
_PROGRAM = "usr/lib/ishowtts"


@dataclass(frozen=True)
class Places:
    """``root`` is / on a real machine."""

    root: Path

    @property
    def program(self) -> Path:
        """dpkg's: app/, vendor/cpXY/, setup/, defaults.yaml."""
        return self.root / _PROGRAM

    @property
    def defaults(self) -> Path:
        """What the package configures, below what anybody else says."""
        return self.program / "defaults.yaml"

    @property
    def setup_data(self) -> Path:
        """What `ishowctl setup` brings along: pip's wheel, the public models' f5-tts YAML."""
        return self.program / "setup"

    @property
    def config(self) -> Path:
        return self.root / CONFIG.lstrip("/")

    @property
    def state(self) -> Path:
        return self.root / "var/lib/ishowtts"

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def runtimes(self) -> Path:
        """A folder for each interpreter with torch that setup made, and the link ``current``."""
        return self.state / "runtime"

    @property
    def current(self) -> Path:
        """The link to the runtime in use; the one rename of it is what activates another."""
        return self.runtimes / "current"

    @property
    def fragment(self) -> Path:
        """What setup configured, above the package's defaults and below people's files."""
        return self.current / "ishowtts.yaml"

    @property
    def journal(self) -> Path:
        """What setup has done."""
        return self.state / "setup.json"


def here() -> Places | None:
    """Of the package that this code runs from; None in a checkout or another environment."""
    root = os.environ.get("ISHOWTTS_ROOT")
    if root:
        return Places(Path(root).resolve())
    app = Path(__file__).resolve().parent.parent
    return Places(Path("/")) if app == Path("/", _PROGRAM, "app") else None


def main_config() -> Path:
    """The configuration file that is read where nobody names one."""
    places = here()
    return places.config if places else Path(CONFIG)


def engine_python(setting: str, base: Path) -> str:
    """The engine's interpreter: ``setting`` (engine.python; relative to ``base``), the runtime's, or the daemon's own.

    A virtual environment's python is a link and stays one: following it would leave the environment. ``current`` is
    followed, so that an engine that is started anew is the one that its daemon's configuration was made for.
    """
    if setting:
        return str(base / Path(setting).expanduser())
    places = here()
    runtime = places.current.resolve() / "bin/python" if places else None
    return str(runtime) if runtime and runtime.exists() else sys.executable


def mend_by_setup(otherwise: str = "") -> str:
    """What mends missing torch or weights: setup where the package is installed, ``otherwise`` in a checkout."""
    return "Run `sudo ishowctl setup`." if here() else otherwise
