"""Everything that can be known of the board, in one snapshot: sysfs first, then the witnesses that it calls for."""

from __future__ import annotations

from dataclasses import replace

from ishowtts.device import jtop_witness, nvml, sysfs
from ishowtts.device.nodes import Roots
from ishowtts.device.snapshot import Snapshot


def take(roots: Roots, jtop_python: str | None, *, with_nvml: bool = True) -> Snapshot:
    """Blocks some milliseconds, and up to 6 s in the witnesses: jtop on a Jetson (None: do not ask), NVML elsewhere."""
    return ask_witnesses(sysfs.read(roots), jtop_python, with_nvml=with_nvml)


def ask_witnesses(snapshot: Snapshot, jtop_python: str | None, *, with_nvml: bool = True) -> Snapshot:
    if snapshot.soc is None:
        return replace(snapshot, nvml=nvml.read()) if with_nvml else snapshot
    return replace(snapshot, jtop=jtop_witness.witness(jtop_python)) if jtop_python is not None else snapshot
