"""nvpmodel's two files: which power mode is set, and which one leaves the GPU alone. Pure; by content, never by id.

Ids and names move with board and release (MAXN is 0 on AGX Orin, MAXN_SUPER is 2 on Orin Nano, and an old Orin Nano has
no MAXN at all), so the uncapped mode is the one whose every `GPU* MAX_FREQ` is -1 or reaches the hardware's maximum.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ishowtts.device.snapshot import PowerMode

_MODE = re.compile(r"<\s*POWER_MODEL\s+ID=([0-9]{1,4})\s+NAME=(\S+)\s*>")
_GPU_CAP = re.compile(r"(GPU\w*)\s+MAX_FREQ\s+(-?[0-9]{1,18})\Z")
_STATUS = re.compile(r"pmode:([0-9]{4})(?:\s|\Z)")


@dataclass(frozen=True)
class Mode:
    """A POWER_MODEL section; ``gpu_caps_hz`` are its GPU ceilings, -1 for none; empty: it names no ceiling."""

    id: int
    name: str
    gpu_caps_hz: tuple[int, ...]

    def uncapped(self, table_max_hz: int | None) -> bool | None:
        """Does it leave the GPU its whole range? None: it does not say."""
        if not self.gpu_caps_hz:
            return None
        if all(cap < 0 for cap in self.gpu_caps_hz):
            return True
        if table_max_hz is None:
            return False
        return all(cap < 0 or cap >= table_max_hz for cap in self.gpu_caps_hz)

    def as_power_mode(self, table_max_hz: int | None) -> PowerMode:
        return PowerMode(self.id, self.name, self.uncapped(table_max_hz))


def parse_status(text: str) -> int | None:
    """The mode's id in /var/lib/nvpmodel/status (`pmode:0002 fmode:quiet`); None for anything else."""
    found = _STATUS.match(text)
    return int(found[1]) if found else None


def parse_conf(text: str) -> tuple[Mode, ...]:
    """The modes of nvpmodel.conf; none when an id stands twice, for then nothing in it can be believed."""
    modes: list[Mode] = []
    inside = False
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if head := _MODE.match(line):
            modes.append(Mode(int(head[1]), head[2], ()))
            inside = True
        elif line.startswith("<"):
            inside = False
        elif inside and line.startswith("GPU") and "MAX_FREQ" in line.split():
            cap = _GPU_CAP.match(line)
            if cap is None:
                modes.pop()  # cut or garbled in the line that matters: as if the mode were not there
                inside = False
            else:
                modes[-1] = Mode(modes[-1].id, modes[-1].name, (*modes[-1].gpu_caps_hz, int(cap[2])))
    return tuple(modes) if len({mode.id for mode in modes}) == len(modes) else ()


def find(modes: tuple[Mode, ...], id: int | None, table_max_hz: int | None) -> PowerMode | None:
    """The mode that is set. An id that the file does not explain has no name and no verdict."""
    if id is None:
        return None
    for mode in modes:
        if mode.id == id:
            return mode.as_power_mode(table_max_hz)
    return PowerMode(id)


def best(modes: tuple[Mode, ...], table_max_hz: int | None) -> PowerMode | None:
    """The uncapped mode to recommend; of several the one NVIDIA calls the larger (MAXN_SUPER, MAXN, the lowest id)."""
    open_modes = [mode for mode in modes if mode.uncapped(table_max_hz)]
    if not open_modes:
        return None
    chosen = min(open_modes, key=lambda mode: (not mode.name.startswith("MAXN"), "SUPER" not in mode.name, mode.id))
    return chosen.as_power_mode(table_max_hz)
