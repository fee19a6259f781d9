"""Nodes that are missing, cut, unreadable or garbage: never an exception, never trust."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.device import report
from ishowtts.device.judge import judge
from tests.boards import profiles
from tests.boards.tree import Board, write
from tests.device.conftest import look
from tests.steady import steady

Node = Callable[[Board], Path]

# Every node that the verdict on a locked AGX Orin needs, and what is in the place of its value.
NEEDED: dict[str, Node] = {
    "compatible": lambda b: b.sys / "firmware/devicetree/base/compatible",
    "status": lambda b: b.status,
    "nvpmodel.conf": lambda b: b.conf,
    "cur_freq": lambda b: b.gpu / "cur_freq",
    "min_freq": lambda b: b.gpu / "min_freq",
    "max_freq": lambda b: b.gpu / "max_freq",
    "available_frequencies": lambda b: b.gpu / "available_frequencies",
    "cpu online": lambda b: b.cpu(5) / "online",
    "cpu min": lambda b: b.cpu(3) / "cpufreq/scaling_min_freq",
    "cpu max": lambda b: b.cpu(11) / "cpufreq/scaling_max_freq",
    "gpu temp": lambda b: b.zone("gpu") / "temp",
    "gpu zone": lambda b: b.zone("gpu") / "type",
    "gpu trip": lambda b: b.zone("gpu") / "trip_point_1_temp",
    "gpu trip kind": lambda b: b.zone("gpu") / "trip_point_1_type",
    "tj temp": lambda b: b.zone("tj") / "temp",
    "alert": lambda b: b.cooling("gpu-throttle-alert") / "cur_state",
    "alert name": lambda b: b.cooling("gpu-throttle-alert") / "type",
    "cap": lambda b: b.cooling("devfreq-{gpu}") / "cur_state",
    "over-current": lambda b: b.over_current_node / "oc2_event_cnt",
    "over-current name": lambda b: b.over_current_node / "name",
}


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _text(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text, encoding="utf-8")


def _put(data: bytes, path: Path) -> None:
    path.write_bytes(data)


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe1300500000")


BREAKS: dict[str, Callable[[Path], None]] = {
    "missing": Path.unlink,
    "a directory": _directory,
    "a dangling link": _dangling,
    "empty": _text(""),
    "a line break": _text("\n"),
    "NULs": _text("\0\0\0"),
    "binary": _binary,
    "words": _text("not a number"),
    "two lines": _text("1300500000\n1300500000 x"),
    "hexadecimal": _text("0x4d847f20"),
    "a float": _text("1.3005e9"),
    "underscores": _text("1_300_500_000 _"),
    "other digits": _text("١٣٠٠٥٠٠٠٠٠"),
    "endless": _text("9" * 70_000),
}
# Missing, these two are legitimate: a zone without that trip is held to the others', a core that cannot be taken off.
HARMLESS = {("gpu trip kind", "missing"), ("cpu online", "missing")}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """A trusted board. Whoever breaks a node mends it."""
    board = Board(tmp_path_factory.mktemp("scratch") / "board").build()
    board.lock()
    return board


@contextmanager
def broken(path: Path, how: Callable[[Path], object]) -> Iterator[None]:
    good = path.read_bytes()
    try:
        how(path)
        yield
    finally:
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(good)


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("node", NEEDED)
def test_a_broken_node_is_unknown(scratch: Board, node: str, how: str) -> None:
    with broken(NEEDED[node](scratch), BREAKS[how]):
        verdict = judge(look(scratch))
    assert verdict.state == ("trusted" if (node, how) in HARMLESS else "unknown"), verdict
    assert all(reason.mend for reason in verdict.reasons)
    assert judge(look(scratch)).state == "trusted"


# What is left of these is a good value, or says all that is needed.
CUTS_WELL = {"gpu temp", "tj temp", "gpu trip", "over-current", "gpu zone", "alert name", "status", "nvpmodel.conf"}


@pytest.mark.parametrize("node", sorted(set(NEEDED) - CUTS_WELL))
@pytest.mark.parametrize("part", [0.0, 0.3, 0.7])
def test_a_cut_node_is_never_trusted(scratch: Board, node: str, part: float) -> None:
    path = NEEDED[node](scratch)
    data = path.read_bytes()
    with broken(path, lambda path: path.write_bytes(data[: int(part * (len(data) - 1))])):
        assert judge(look(scratch)).state != "trusted"


@pytest.mark.parametrize("kept", ["pmode:", "pmode:0", "pmode:00", "pmode:000", "pmod"])
def test_a_cut_status_file(scratch: Board, kept: str) -> None:
    with broken(scratch.status, _text(kept)):
        assert judge(look(scratch)).state == "unknown"


def test_nvpmodel_conf_cut_anywhere(scratch: Board) -> None:
    """Trusted only with the whole line that frees the GPU."""
    whole = scratch.conf.read_text(encoding="utf-8")
    needed = whole.index("GPU MAX_FREQ -1") + len("GPU MAX_FREQ -1")
    for kept in range(needed + 20):
        with broken(scratch.conf, _text(whole[:kept])):
            assert (judge(look(scratch)).state == "trusted") == (kept >= needed), whole[:kept]


def test_another_rejection_goes_before_unknown(locked: Board) -> None:
    write(locked.gpu / "cur_freq", "garbage")
    locked.throttle(cur_hz=0)
    write(locked.gpu / "cur_freq", "garbage")
    verdict = judge(look(locked))
    assert verdict.state == "rejected"
    assert any("cur_freq cannot be read" in note for note in verdict.notes)


garbage = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(str.encode),
    st.integers().map(lambda n: str(n).encode()),
    st.floats().map(lambda n: str(n).encode()),
)


def _is_number(low: int, high: int) -> Callable[[str], bool]:
    return lambda text: re.fullmatch("-?[0-9]{1,18}", text) is not None and low <= int(text) <= high


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_.,:@+-]*", text) is not None


# What may stand in a node of a trusted board, said once more and in other words than the reader's.
GOOD: dict[str, Callable[[str], bool]] = {
    "gpu temp": lambda text: _is_number(-60_000, 94_000)(text) or _is_number(-(10**6), -200_000)(text),
    "tj temp": lambda text: _is_number(-60_000, 94_000)(text) or _is_number(-(10**6), -200_000)(text),
    "gpu trip": lambda text: _is_number(50_000, 200_000)(text) or _is_number(-(10**6), 0)(text),
    "gpu zone": _is_name,
    "gpu trip kind": lambda text: text in ("passive", "critical", "active", "hot"),
    "alert": _is_number(0, 0),
    "cap": _is_number(0, 10**18),
    "alert name": _is_name,
    "over-current": _is_number(0, 10**18),
    "cpu online": _is_number(0, 1),
}


@steady
@given(node=st.sampled_from(sorted(NEEDED)), data=garbage)
def test_whatever_a_node_holds(scratch: Board, node: str, data: bytes) -> None:
    """Never an exception; trusted only if the bytes are a good value for the node."""
    with broken(NEEDED[node](scratch), lambda path: path.write_bytes(data)):
        snapshot = look(scratch)
        verdict = judge(snapshot, snapshot)
        report.board(snapshot, verdict, False, 0.0)
    if verdict.state == "trusted":
        text = data.decode().strip("\0 \t\r\n")
        assert GOOD.get(node, lambda text: False)(text), (node, data)


@steady
@given(data=st.dictionaries(st.sampled_from(sorted(NEEDED)), garbage, min_size=2))
def test_many_broken_nodes_never_raise(scratch: Board, data: dict[str, bytes]) -> None:
    with ExitStack() as stack:
        for name, text in data.items():
            stack.enter_context(broken(NEEDED[name](scratch), partial(_put, text)))
        snapshot = look(scratch)
        report.board(snapshot, judge(snapshot), True, 0.0)


def test_the_status_need_not_be_a_jetsons(tmp_path: Path) -> None:
    verdict = judge(look(Board(tmp_path / "nothing")))
    assert (verdict.state, verdict.reasons[0].text[:18]) == ("unknown", "this is no Jetson:")


def test_a_governor_nobody_can_read(build: Callable[..., Board]) -> None:
    """Only the governor tells JetPack 7's `performance` from an unlocked clock."""
    board = build(profiles.AGX_ORIN_JP7, locked=True)
    write(board.gpu / "min_freq", 306_000_000)
    board.gpu.joinpath("governor").write_bytes(b"\x00\xff")
    assert judge(look(board)).state == "unknown"
