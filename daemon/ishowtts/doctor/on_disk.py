"""Configuration, model, voices, room on the disk: looked at from outside; it is the engine that reads them whole."""

from __future__ import annotations

import grp
import json
import os
import shutil
import struct
from pathlib import Path

from ishowtts import config, files, places, voices
from ishowtts.doctor.check import Check, fail, ok, warn

LOW_DISK_BYTES, FULL_DISK_BYTES = 1 << 30, 100 << 20
_VOCOS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_HEADER_MAX_BYTES = 100 << 20


def settings(file: Path) -> tuple[config.Config | None, Check]:
    """The configuration, as the daemon would read it."""
    try:
        loaded, read = config.load(file), config.layers(file)
    except config.ConfigError as error:
        return None, fail("config", str(error), "mend that line, then `ishowttsd --check-config`")
    groups = (loaded.server.user_group, loaded.server.admin_group)
    missing = [name for name in groups if name and not _is_group(name)]
    if missing:
        text = f"{file}: there is no group {missing[0]!r} on this machine"
        return loaded, fail("config", text, f"sudo groupadd --system {missing[0]}")
    if not read:
        return loaded, ok("config", f"all defaults: {file} is not there")
    return loaded, ok("config", f"good: {', '.join(map(str, read))}")


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def model(engine: config.Engine, base: Path) -> Check:
    """Are the files there, readable and whole?"""
    if engine.kind == "fake":
        return ok("model", "the fake engine needs none")
    mend = places.mend_by_setup("put the file there, or mend the engine section of the configuration")
    for name in ("model_config", "checkpoint", "vocab"):
        try:
            path = files.resolve(getattr(engine, name), base)
        except files.BadPath as error:
            return fail("model", f"engine.{name}: {error}", mend)
        if problem := unreadable(path):
            return fail("model", f"engine.{name}: {problem}", mend)
    folder = files.resolve(engine.vocoder, base)
    weights = next((folder / name for name in _VOCOS_WEIGHTS if (folder / name).exists()), folder / _VOCOS_WEIGHTS[-1])
    checkpoint = files.resolve(engine.checkpoint, base)
    for path in (folder / "config.yaml", weights):
        if problem := unreadable(path):
            return fail("model", f"engine.vocoder: {problem}", mend)
    for path in (checkpoint, weights):
        if path.suffix == ".safetensors" and (problem := cut_short(path)):
            return fail("model", f"{path} {problem}", places.mend_by_setup("download it again: it is not whole"))
    return ok("model", f"{checkpoint} ({checkpoint.stat().st_size / 1e6:.0f} MB) and {folder.name}")


def unreadable(path: Path) -> str:
    """Why the file cannot be read; empty: it can."""
    try:
        with path.open("rb") as file:
            return "" if file.read(1) else f"{path} is empty"
    except OSError as error:
        return f"{path}: {error.strerror}"


def cut_short(path: Path) -> str:
    """What is wrong with a .safetensors file as its own header sees it; empty: nothing."""
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= _HEADER_MAX_BYTES:
            return "is no .safetensors file (a pointer of Git LFS?)"
        try:
            tensors = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"]
            needed = 8 + length + max(ends, default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            return "has a header that cannot be read"
    size = path.stat().st_size
    return f"has {size} of {needed} bytes" if size < needed else ""


def clips(settings: config.Voices, base: Path) -> Check:
    mend = "put NAME.wav and its words as NAME.txt into the voices folder, or mend the voices section"
    try:
        found = voices.load(settings, base)
    except (config.ConfigError, files.BadPath) as error:
        return fail("voices", str(error), mend)
    if not found:
        return fail("voices", "there is no voice", mend)
    bad = [f"{voice.name} ({problem})" for voice in found.values() if (problem := unreadable(voice.audio))]
    if bad:
        return warn("voices", f"cannot be used: {', '.join(bad)}", mend)
    return ok("voices", f"{len(found)}: {', '.join(sorted(found))}")


def room(base: Path, folder: str) -> Check:
    """On the disk where voices and models are."""
    place = files.resolve(folder, base)
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
        inodes = os.statvfs(place).f_favail
    except OSError as error:
        return warn("disk", f"{place}: {error.strerror}", "look whether the disk is mounted")
    text = f"{free / 1e9:.1f} GB free at {place}"
    if free < FULL_DISK_BYTES:
        return fail("disk", text, "make room: `sudo journalctl --vacuum-size=200M`, `sudo apt clean`")
    if free < LOW_DISK_BYTES or inodes == 0:
        return warn("disk", text, "make room: `sudo journalctl --vacuum-size=200M`, `sudo apt clean`")
    return ok("disk", text)
