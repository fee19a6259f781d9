"""The model's files to where they belong: from the hub, or from a folder that somebody brought."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ishowtts.doctor import on_disk
from ishowtts.setup import download
from ishowtts.setup.errors import REFUSED, SetupError
from ishowtts.setup.models import File, Model
from ishowtts.setup.plan import Kept

HUB = "https://huggingface.co"  # the only host that setup asks; $HF_ENDPOINT names a mirror, as for huggingface_hub
SUMS = "SHA256SUMS"
_BLOCK_BYTES = 1 << 20

OnProgress = Callable[[str, int, int | None], None]


def hub() -> str:
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def address(file: File) -> str:
    return f"{hub()}/{file.repository}/resolve/main/{file.path}"


def get(file: File, models: Path, source: str, on_progress: OnProgress) -> Kept:
    """Bring ``file`` to its place, proven; the place keeps what it had until then. Raises SetupError.

    What stands there unproven, put there by hand or by a setup that was killed, is kept where it is the announced one.
    """
    place = models / file.place
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")

    def report(done: int, total: int | None) -> None:
        on_progress(file.name, done, total)

    if source == "hub":
        origin = f"{file.repository}/{file.path}"
        proof = download.announced(address(file), place) if place.exists() else None
        kind = (proof or download.fetch(address(file), part, report)).kind
    else:
        origin, kind = source, _bring(file, Path(source), place, part, report)
    arrived = part if part.exists() else place
    if place.suffix == ".safetensors" and (problem := on_disk.cut_short(arrived)):
        part.unlink(missing_ok=True)
        raise SetupError(f"{origin}: {file.name} {problem}.", "Get it again.")
    kept = Kept(arrived.stat().st_size, download.sha256(arrived), kind, origin)
    if arrived is part:
        part.replace(place)
    return kept


def _bring(file: File, folder: Path, place: Path, part: Path, report: download.OnProgress) -> str:
    """Copy ``file`` from ``folder``, laid out as the models folder or flat; what proves it: `sums` or `length`."""
    source = next((path for path in (folder / file.place, folder / file.name) if path.is_file()), None)
    if source is None:
        mend = f"Put it there, or {folder / file.place}; it is {file.path} of {file.repository} on the hub."
        raise SetupError(f"{folder / file.name} is not there.", mend, REFUSED)
    try:
        in_place = place.exists() and place.samefile(source)
        if not in_place:
            _copy(source, part, report)
        wanted = _listed(folder, source)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"{source} cannot be copied to {part.parent}: {reason}.", "Mend that.") from None
    if wanted is None:
        return "length"
    found = download.sha256(source if in_place else part)
    if found != wanted:
        part.unlink(missing_ok=True)
        raise SetupError(f"{source}: its SHA-256 is {found}, {SUMS} says {wanted}.", "Copy it there again.")
    return "sums"


def _copy(source: Path, part: Path, report: download.OnProgress) -> None:
    total, done = source.stat().st_size, 0
    with source.open("rb") as data, part.open("wb") as out:
        while block := data.read(_BLOCK_BYTES):
            out.write(block)
            done += len(block)
            report(done, total)


def _listed(folder: Path, source: Path) -> str | None:
    """The SHA-256 that the folder's list, as sha256sum writes it, has for this file."""
    sums = folder / SUMS
    for line in sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []:
        found = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)", line.strip())
        if found and found[2] in (str(source.relative_to(folder)), source.name):
            return found[1].lower()
    return None


def put_config(model: Model, data: Path, models: Path) -> None:
    """The model's f5-tts YAML, which the package brings along, beside its weights."""
    if not model.config:
        return
    place = models / model.config_place
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f"{place.name}.tmp")
    try:
        shutil.copyfile(data / "models" / model.config, beside)
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}.", "Install the package again.") from None
    beside.replace(place)
