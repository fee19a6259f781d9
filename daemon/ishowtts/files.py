"""Paths in the configuration: absolute, relative to its file, `package:path` for data of a package, `demo:path`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class BadPath(Exception):
    """No such path can exist; one sentence."""


def demo_model() -> Path:
    """The small model that comes with the package (in a checkout it is a link to packaging/demo-model/model)."""
    return Path(__file__).resolve().parent / "demo"


def resolve(path: str, base: Path) -> Path:
    """``path`` made absolute. `f5_tts:infer/x` is found without importing the package (it would pull in torch).

    `demo:model.safetensors` is a file of the demo model.
    A package that is not installed gives a path that does not exist, named so that a person sees why.
    """
    package, colon, inside = path.partition(":")
    if colon and package == "demo":
        return demo_model() / inside
    if colon and package.isidentifier():
        spec = find_spec(package)
        where = spec.submodule_search_locations if spec else None
        return Path(where[0]) / inside if where else Path(f"/package-not-installed/{package}") / inside
    try:
        return (base / Path(path).expanduser()).resolve()
    except (ValueError, RuntimeError) as error:
        raise BadPath(f"the path {path!r} cannot be used: {error}") from None
