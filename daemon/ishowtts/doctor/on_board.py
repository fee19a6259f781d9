"""The board and jtop, as the tuner would judge them now."""

from __future__ import annotations

from ishowtts import config
from ishowtts.device import jtop_witness, probe, report
from ishowtts.device.judge import judge
from ishowtts.device.nodes import Roots
from ishowtts.device.snapshot import JtopFailure, JtopView, Snapshot
from ishowtts.doctor.check import Check, ok, warn

_JTOP_MENDS = {
    "absent": "sudo systemctl start jtop.service (or leave it: jtop is a second witness, not needed)",
    "not_installed": "sudo pip3 install jetson-stats (or leave it: jtop is a second witness, not needed)",
    "not_permitted": "none: group jtop is as good as root, so the daemon is not put into it",
    "version": "set board.jtop_python to the interpreter whose jetson-stats the service runs",
}


def look(settings: config.Board) -> Snapshot:
    return probe.take(Roots.real(), jtop_witness.pick_python(settings.jtop_python) if settings.jtop else None)


def board(snapshot: Snapshot, settings: config.Board) -> Check:
    verdict = judge(snapshot, expected_gpu_mhz=settings.expected_gpu_mhz)
    text = report.sentence(snapshot, verdict, settings.accept_unknown)
    if verdict.usable(settings.accept_unknown):
        return ok("board", text)
    return warn("board", text, verdict.reasons[0].mend)


def jtop(snapshot: Snapshot) -> Check:
    found = snapshot.jtop
    if isinstance(found, JtopView):
        return ok("jtop", f"{found.version}: {found.mode_name}, jetson_clocks {found.clocks}, {found.age_s:.1f} s old")
    if isinstance(found, JtopFailure):
        mend = _JTOP_MENDS.get(found.name, "sudo systemctl restart jtop.service")
        return warn("jtop", f"{found.detail} ({found.name})", mend)
    return ok("jtop", "not asked: this is no Jetson" if snapshot.soc is None else "not asked: board.jtop is false")
