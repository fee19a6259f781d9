"""Boards in every state that makes a measurement good or bad, and the verdict with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from ishowtts.device import report
from ishowtts.device.judge import judge
from ishowtts.device.snapshot import NvmlGpu, Snapshot
from tests.boards import profiles
from tests.boards.profiles import ALL, Profile
from tests.boards.tree import Board, write
from tests.device.conftest import Build, look


@dataclass(frozen=True)
class Case:
    name: str
    prepare: Callable[[Board], None]
    state: str
    says: str = ""  # in the first reason; for a trusted board in a note
    mend: str = ""  # in its mend
    profile: Profile = profiles.AGX_ORIN


def _mode(id: int, *, lock: bool = True) -> Callable[[Board], None]:
    def prepare(board: Board) -> None:
        board.set_mode(id)
        if lock:
            board.lock()

    return prepare


def _locked(*then: Callable[[Board], object]) -> Callable[[Board], None]:
    def prepare(board: Board) -> None:
        board.lock()
        for step in then:
            step(board)

    return prepare


def _governor_performance(board: Board) -> None:
    board.lock()
    write(board.gpu / "min_freq", 306_000_000)
    write(board.gpu / "governor", "performance")


def _put(path: Callable[[Board], object], text: object) -> Callable[[Board], None]:
    return lambda board: write(path(board), text)  # type: ignore[arg-type]


CASES = [
    Case("MAXN, locked", _locked(), "trusted"),
    Case("MAXN, not locked", lambda b: None, "rejected", "GPU clock not locked (306 to 1300.5 MHz)",
         "sudo jetson_clocks"),
    Case("30 W, locked", _mode(2), "rejected", "power mode MODE_30W caps the GPU; MAXN does not", "sudo nvpmodel -m 0"),
    Case(
        "heat caps both ends", _locked(lambda b: b.gpu_at(max_hz=816_000_000)), "rejected",
        "GPU ceiling 816 MHz, the hardware's maximum is 1300.5 MHz", "sudo nvpmodel -m 0 && sudo jetson_clocks",
    ),
    Case(
        "heat caps both ends, the cap is seen",
        _locked(lambda b: b.gpu_at(max_hz=816_000_000), _put(lambda b: b.cooling("devfreq-{gpu}") / "cur_state", 3)),
        "rejected", "GPU ceiling 816 MHz", "let it cool down",
    ),
    Case(
        "heat caps the clock alone", _locked(_put(lambda b: b.gpu / "cur_freq", 816_000_000)), "rejected",
        "GPU runs at 816 MHz although locked at 1300.5 MHz", "throttled",
    ),
    Case("throttled, with its alerts", _locked(lambda b: b.throttle()), "rejected", "GPU runs at 816 MHz"),
    Case("an alert alone", _locked(_put(lambda b: b.cooling("hot-surface-alert") / "cur_state", 1)), "rejected",
         "throttled by hot-surface-alert", "let it cool down"),
    Case("a CPU cap alone", _locked(_put(lambda b: b.cooling("cpufreq-cpu4") / "cur_state", 2)), "rejected",
         "throttled by cpufreq-cpu4"),
    Case("the fan turns", _locked(_put(lambda b: b.cooling("pwm-fan") / "cur_state", 3)), "trusted"),
    Case("Thor's devfreq shows 18 at rest", _locked(_put(lambda b: b.cooling("devfreq-{gpu}") / "cur_state", 18)),
         "trusted", "the GPU's ceiling decides", profile=profiles.THOR),
    Case("at the trip", _locked(lambda b: b.heat(99.0)), "rejected", "cooling: cpu 99 C, trips at 99 C", "let it cool"),
    Case("only the GPU is hot", _locked(_put(lambda b: b.zone("gpu") / "temp", 94_500)), "rejected",
         "cooling: gpu 94.5 C, trips at 99 C"),
    Case("warm", _locked(lambda b: b.heat(93.9)), "trusted"),
    Case("pinned at 306 MHz", _locked(lambda b: b.gpu_at(max_hz=306_000_000)), "rejected", "GPU ceiling 306 MHz"),
    Case("memory clock low", _locked(_put(lambda b: b.emc / "rate", 2_133_000_000)), "trusted",
         "memory clock 2133 of 3199 MHz: `sudo jetson_clocks`"),
    Case("GPU node missing", _locked(lambda b: b.gpu_link.unlink()), "unknown", "the GPU's clock node is not there"),
    Case("governor performance on JetPack 7", _governor_performance, "trusted", profile=profiles.AGX_ORIN_JP7),
    Case("one CPU loose", _locked(_put(lambda b: b.cpu(7) / "cpufreq/scaling_min_freq", 729_600)), "rejected",
         "CPU clocks not locked (cpu7: 729.6 to 2201.6 MHz)", "sudo jetson_clocks"),
    Case("an offline CPU does not matter", _locked(_put(lambda b: b.cpu(7) / "online", 0),
         _put(lambda b: b.cpu(7) / "cpufreq/scaling_min_freq", "")), "trusted"),
    Case("a CPU that cannot be taken off", _locked(lambda b: (b.cpu(0) / "online").unlink()), "trusted"),
    Case("an unknown cooling device acts", _locked(
         _put(lambda b: b.cooling("hot-surface-alert") / "type", "gpu-balanced"),
         _put(lambda b: b.cooling("hot-surface-alert") / "cur_state", 1)), "rejected", "throttled by gpu-balanced"),
    Case("GPU powered off", _locked(_put(lambda b: b.gpu / "cur_freq", 0),
         _put(lambda b: b.gpu_device / "power/runtime_status", "suspended")), "trusted", "was not seen at work"),
    Case("0 MHz although powered", _locked(_put(lambda b: b.gpu / "cur_freq", 0)), "unknown", "says 0 MHz"),
    Case("Thor idles at 0 MHz", _locked(_put(lambda b: b.gpu / "cur_freq", 0)), "trusted", "not seen at work",
         profile=profiles.THOR),
    Case("Thor in 120 W", _mode(1), "rejected", "power mode 120W caps", "sudo nvpmodel -m 0", profiles.THOR),
    Case("Nano Super in 25 W", _mode(1), "rejected", "power mode 25W caps", "sudo nvpmodel -m 2",
         profiles.ORIN_NANO_SUPER),
    Case("NX Super in 40 W", _mode(4), "rejected", "power mode 40W caps", "sudo nvpmodel -m 0", profiles.ORIN_NX_SUPER),
    Case("old Nano in 7 W", _mode(1), "rejected", "power mode 7W caps the GPU; 15W does not", "sudo nvpmodel -m 0",
         profiles.ORIN_NANO_OLD),
    Case("a Wi-Fi card's zone without data", _locked(
         _put(lambda b: b.sys / "class/thermal/thermal_zone99/type", "iwlwifi_1")), "trusted"),
    Case("no status file", _locked(lambda b: b.status.unlink()), "unknown", "the power mode cannot be read"),
    Case("a mode that the file lacks", _locked(_put(lambda b: b.status, "pmode:0007 fmode:quiet")), "unknown",
         "does not say whether power mode with id 7"),
    Case("no over-current counters", _locked(_put(lambda b: b.over_current_node / "name", "other")), "unknown",
         "the over-current counter oc1 (soctherm_oc) cannot be read"),
    Case("counted before us", _locked(lambda b: b.over_current(3, 27_390)), "trusted"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(build: Build, case: Case) -> None:
    board = build(case.profile)
    case.prepare(board)
    verdict = judge(look(board))
    assert verdict.state == case.state, verdict
    if case.state == "trusted":
        assert verdict.reasons == ()
        assert not case.says or any(case.says in note for note in verdict.notes)
    else:
        assert case.says in verdict.reasons[0].text
        assert case.mend in verdict.reasons[0].mend
        assert all(reason.text and reason.mend for reason in verdict.reasons)


@pytest.mark.parametrize("name", ALL)
def test_every_board_is_trusted_once_locked_and_rejected_before(build: Build, name: str) -> None:
    board = build(ALL[name])
    assert judge(look(board)).state == "rejected"
    board.lock()
    snapshot = look(board)
    assert judge(snapshot, snapshot) == judge(snapshot)
    assert judge(snapshot).state == "trusted"
    assert judge(snapshot, expected_gpu_mhz=ALL[name].table_mhz[-1]).state == "trusted"


def test_what_is_read(locked: Board) -> None:
    snapshot = look(locked)
    assert (snapshot.model, snapshot.soc) == ("NVIDIA Jetson AGX Orin Developer Kit", "tegra234")
    assert (snapshot.l4t, snapshot.jetpack) == ("36.4.3", "6.2")
    assert snapshot.mode == snapshot.uncapped_mode
    assert snapshot.gpu is not None
    clock = snapshot.gpu.clock
    assert clock.cur_hz == clock.min_hz == clock.max_hz == clock.table_max_hz == 1_300_500_000
    assert (clock.governor, snapshot.gpu.power, snapshot.gpu.railgate) == ("nvhost_podgov", "active", False)
    assert len(snapshot.cpus) == 12
    assert snapshot.emc is not None
    assert snapshot.emc.cur_hz == 3_199_000_000
    temps = {zone.name: zone.temp_c for zone in snapshot.zones}
    assert temps["tj-thermal"] == 48.5
    assert "cv0-thermal" not in temps  # its domain is powered off
    assert {zone.passive_c for zone in snapshot.zones} == {99.0}
    assert {counter.name: counter.count for counter in snapshot.over_current} == {"oc1": 0, "oc2": 0, "oc3": 0}
    assert {rail.name: rail.power_mw for rail in snapshot.rails}["VDD_GPU_SOC"] == 5700
    assert not [rail for rail in snapshot.rails if rail.name.startswith("NC")]


def test_over_current_during_the_trial(locked: Board) -> None:
    locked.over_current(3, 5)
    before = look(locked)
    locked.over_current(3, 9)
    verdict = judge(before, look(locked))
    assert (verdict.state, len(verdict.reasons)) == ("rejected", 1)
    assert "oc3 counted from 5 to 9" in verdict.reasons[0].text


def test_a_counter_that_vanishes_during_the_trial(locked: Board) -> None:
    before = look(locked)
    (locked.over_current_node / "oc2_event_cnt").unlink()
    assert judge(before, look(locked)).state == "unknown"


def test_what_held_at_one_end_alone_says_which(build: Build) -> None:
    board = build()
    loose = look(board)
    board.lock()
    tight = look(board)
    assert {reason.text.split(":")[0] for reason in judge(loose, tight).reasons} == {"before"}
    assert {reason.text.split(":")[0] for reason in judge(tight, loose).reasons} == {"after"}
    assert judge(loose, loose) == judge(loose)


def test_a_clock_table_that_ends_too_early(build: Build) -> None:
    """Right mode, old firmware: nothing on the board contradicts it, only what the operator expects."""
    board = build(profiles.ORIN_NANO_SUPER)
    write(board.gpu / "available_frequencies", "306000000 624750000")
    write(board.gpu / "max_freq", 624_750_000)
    board.lock()
    assert judge(look(board)).state == "trusted"
    verdict = judge(look(board), expected_gpu_mhz=1020)
    assert verdict.state == "rejected"
    assert verdict.reasons[0].text == "GPU ceiling 624.75 MHz, expected 1020 MHz"
    assert "update its firmware" in verdict.reasons[0].mend


@pytest.mark.parametrize(("expected", "state"), [(1300.5, "trusted"), (1300, "trusted"), (1224, "rejected")])
def test_the_expected_clock(locked: Board, expected: float, state: str) -> None:
    assert judge(look(locked), expected_gpu_mhz=expected).state == state


# --- no Jetson ----------------------------------------------------------------------------------------------------

H200 = NvmlGpu("NVIDIA H200", 345_000_000, 1_980_000_000, 31.0, 87.0, ())
PC = Snapshot(taken_s=1.0)


@pytest.mark.parametrize(
    ("gpus", "state", "says"),
    [
        (None, "unknown", "no Jetson"),
        ((H200,), "unknown", "no Jetson"),
        ((replace(H200, slowdowns=None),), "unknown", "no Jetson"),
        ((replace(H200, slowdowns=("power brake",)),), "rejected", "NVIDIA H200 is slowed down: power brake"),
        ((H200, replace(H200, temp_c=86.0)), "rejected", "cooling: NVIDIA H200 86 C, slows down at 87 C"),
    ],
)
def test_other_machines_are_never_trusted(gpus: tuple[NvmlGpu, ...] | None, state: str, says: str) -> None:
    verdict = judge(replace(PC, nvml=gpus), expected_gpu_mhz=1300.5)
    assert verdict.state == state
    assert says in verdict.reasons[0].text


def test_unknown_is_accepted_only_on_purpose_and_says_so() -> None:
    verdict = judge(PC)
    assert (verdict.usable(False), verdict.usable(True)) == (False, True)
    told = report.board(PC, verdict, True, 2.0)
    assert (told["verdict"], told["usable"], told["mend"]) == ("unknown", True, "")
    assert told["sentence"].endswith("; accepted by board.accept_unknown")
    assert report.board(PC, verdict, False, 2.0)["mend"].startswith("set board.accept_unknown")


def test_rejected_is_never_accepted(build: Build) -> None:
    assert not judge(look(build())).usable(True)
