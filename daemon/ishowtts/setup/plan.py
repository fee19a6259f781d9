"""Which steps are done and which are open, from the journal and what is on the disk. Pure.

The journal says what was proven; the disk says whether it still holds. A step that is not proven is open.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from ishowtts.setup.models import Model

PREFLIGHT, RUNTIME, WEIGHTS, SMOKE, ACTIVATE = "preflight", "runtime", "weights", "smoke", "activate"
STEPS = (PREFLIGHT, RUNTIME, WEIGHTS, SMOKE, ACTIVATE)
LAYOUT = 1  # of a runtime's folder; another number makes every runtime anew


class Wheel(Struct, frozen=True):
    """A wheel to put into the runtime, torch's first of all."""

    file: str
    sha256: str


class Wish(Struct, frozen=True):
    """What the operator asked for; ``source``: `hub`, or a folder with the weights."""

    model: str
    wheels: tuple[Wheel, ...] = ()
    source: str = "hub"


class Kept(Struct, frozen=True):
    """A file of weights and its proof: the hub's `sha256` or `git` blob, a list's `sums`, or its `length` alone."""

    bytes: int
    sha256: str
    proof: str
    origin: str


class Failure(Struct, frozen=True):
    step: str
    what: str
    mend: str


class Journal(Struct, frozen=True):
    """setup.json. ``smoked`` and ``activated`` hold the fingerprint of what was proven."""

    wish: Wish | None = None
    accepted: dict[str, str] = field(default_factory=dict)
    files: dict[str, Kept] = field(default_factory=dict)
    torch: str = ""
    spoke: str = ""
    smoked: str = ""
    activated: str = ""
    previous: str = ""
    failed: Failure | None = None


@dataclass(frozen=True)
class Facts:
    """What is on the disk: is the wished runtime whole, the size of each file of the model that is there, which
    runtime is in use, the package's version."""

    has_runtime: bool
    sizes: Mapping[str, int]
    current: str
    version: str


def runtime_id(abi: str, wheels: Sequence[Wheel], fragment: str) -> str:
    """The name of a runtime's folder: the same for the same interpreter, torch and configuration."""
    made_of = json.dumps([LAYOUT, abi, sorted(wheel.sha256 for wheel in wheels), fragment])
    return hashlib.sha256(made_of.encode()).hexdigest()[:12]


def fingerprint(runtime: str, model: Model, journal: Journal, version: str) -> str:
    """Of all that the smoke test proves."""
    hashes = [kept.sha256 if (kept := journal.files.get(file.place)) else "" for file in model.files]
    return hashlib.sha256(json.dumps([runtime, hashes, version]).encode()).hexdigest()[:12]


def missing(model: Model, journal: Journal, facts: Facts) -> tuple[str, ...]:
    """Places of the files that are not there, or not as they were proven."""
    wanted = [(file.place, journal.files.get(file.place)) for file in model.files]
    lost = [place for place, kept in wanted if kept is None or facts.sizes.get(place) != kept.bytes]
    return (*lost, *([model.config_place] if model.config_place and model.config_place not in facts.sizes else []))


def done(runtime: str, model: Model, journal: Journal, facts: Facts) -> frozenset[str]:
    """The steps that need not be done again. Looking at the machine costs nothing and is never done with."""
    found = set()
    proof = fingerprint(runtime, model, journal, facts.version)
    if facts.has_runtime:
        found.add(RUNTIME)
    if not missing(model, journal, facts):
        found.add(WEIGHTS)
    if found == {RUNTIME, WEIGHTS} and journal.smoked == proof:
        found.add(SMOKE)
        if facts.current == runtime and journal.activated == proof:
            found.add(ACTIVATE)
    return frozenset(found)
