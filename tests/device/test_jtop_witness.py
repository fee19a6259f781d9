"""The witness survives whatever answers: a foreign interpreter that hangs, lies, floods or is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ishowtts.device import jtop_child, jtop_witness, nvml
from ishowtts.device.child import ChildFailed, ask
from ishowtts.device.judge import judge
from ishowtts.device.snapshot import JtopFailure, JtopView
from tests.boards.tree import Board, write
from tests.daemon import wait_for
from tests.device.conftest import look

FAR_FUTURE_S = 10**9
GOOD: dict[str, Any] = {
    "version": "7.2.2",
    "mode_name": "MAXN",
    "clocks": "running",
    "gpu_cur_hz": 1_300_500_000,
    "gpu_min_hz": 1_300_500_000,
    "gpu_max_hz": 1_300_500_000,
    "emc_cur_hz": 3_199_000_000,
    "emc_max_hz": 3_199_000_000,
}


@pytest.fixture
def python(tmp_path: Path) -> Callable[[str], str]:
    """An interpreter that runs this shell script whatever it is asked."""

    def make(script: str) -> str:
        file = tmp_path / "python"
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(0o755)
        return str(file)

    return make


def answering(answer: dict[str, Any], *, late_s: float = 0.0) -> str:
    """A script that gives ``answer`` with a sample made now, or ``late_s`` ago."""
    head = json.dumps(answer).removesuffix("}")
    return f"""read up rest < /proc/uptime
printf '{head}, "uptime_s": %s}}\\n' $(echo "$up {late_s}" | awk '{{printf "%.2f", $1 - $2}}')"""


def failure(of: JtopView | JtopFailure) -> str:
    assert isinstance(of, JtopFailure), of
    assert of.detail
    assert "\n" not in of.detail
    return of.name


def test_a_good_answer(python: Callable[[str], str]) -> None:
    view = jtop_witness.witness(python(answering(GOOD)))
    assert isinstance(view, JtopView)
    assert (view.mode_name, view.clocks, view.gpu_max_hz) == ("MAXN", "running", 1_300_500_000)
    assert 0 <= view.age_s < 5


def test_an_old_sample_is_refused(python: Callable[[str], str]) -> None:
    assert failure(jtop_witness.witness(python(answering(GOOD, late_s=17.4)))) == "stale"


@pytest.mark.parametrize("when", [0, -1, FAR_FUTURE_S, float("nan"), float("inf"), True])
def test_an_impossible_time(python: Callable[[str], str], when: float) -> None:
    line = json.dumps({**GOOD, "uptime_s": when})
    assert failure(jtop_witness.witness(python(f"echo '{line}'"))) == "stale"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 7), ("mode_name", ["MAXN"]), ("mode_name", "x" * 200), ("clocks", True), ("gpu_max_hz", "fast"),
        ("gpu_max_hz", 1.5), ("gpu_min_hz", -1), ("gpu_cur_hz", 10**30), ("emc_max_hz", True), ("uptime_s", "now"),
        ("uptime_s", None), ("error", "surprise"), ("error", []), ("error", None),
    ],
)  # fmt: skip
def test_a_wrong_form_is_garbage(python: Callable[[str], str], key: str, value: object) -> None:
    line = json.dumps({"uptime_s": FAR_FUTURE_S, **GOOD, key: value})
    assert failure(jtop_witness.witness(python(f"cat <<'END'\n{line}\nEND"))) == "garbage"


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("sleep 60", "no_answer"),
        ("printf half; sleep 60", "no_answer"),
        ("exit 3", "died"),
        ("kill -SEGV $$", "died"),
        ('printf \'{"version": "7\'', "garbage"),
        ("echo nonsense", "garbage"),
        ("echo '[]'", "garbage"),
        ("echo; echo '{}'", "garbage"),
        ("head -c 1000000 /dev/zero", "garbage"),
        ("yes '[' | tr -d '\\n' | head -c 60000; echo", "garbage"),
        ("printf '\\377\\376\\n'", "garbage"),
        ("""echo '{"error": "absent", "detail": "The jtop.service is not active."}'""", "absent"),
        ("""printf '%s\\n' '{"error": "version", "detail": "Mismatch\\nof two"}'""", "version"),
    ],
)
def test_a_child_that_fails(python: Callable[[str], str], script: str, name: str) -> None:
    assert failure(jtop_witness.witness(python(script), limit_s=1.0)) == name


@pytest.mark.parametrize("interpreter", ["/nowhere/python", "/etc/hostname", "/tmp", "a\0b"])
def test_no_such_interpreter(interpreter: str) -> None:
    assert failure(jtop_witness.witness(interpreter)) == "not_installed"


def test_what_the_child_started_is_gone_too(python: Callable[[str], str], tmp_path: Path) -> None:
    """A grandchild that ignores signals and holds the pipe: the answer comes at once, and nothing is left."""
    script = (
        f"(trap '' TERM INT HUP; echo $$ > {tmp_path}/leader; exec sleep 60) & echo $! > {tmp_path}/pid; echo '{{}}'"
    )
    begun_s = time.monotonic()
    assert ask([python(f"{script}; wait")], 30.0) == {}
    assert time.monotonic() - begun_s < 20
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    wait_for(lambda: not _alive(pid), f"process {pid} to be gone")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_the_child_is_in_a_session_of_its_own_and_hears_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("PYTHONPATH", "/ours")
    code = "import os, json; print(json.dumps({**os.environ, 'own': os.getsid(0) == os.getpid()}))"
    heard = ask([sys.executable, "-c", code], 30.0)
    assert heard["own"] is True
    assert not {"NOTIFY_SOCKET", "PYTHONPATH"} & set(heard)


def test_a_command_that_cannot_be_started_says_which() -> None:
    with pytest.raises(ChildFailed, match=r"/nowhere/x cannot be started: No such file"):
        ask(["/nowhere/x"], 1.0)


# --- the real child program ---------------------------------------------------------------------------------------


def test_the_child_without_jtop_says_so() -> None:
    """Through the whole path, with this interpreter, which has no jetson-stats."""
    found = jtop_witness.witness(sys.executable, limit_s=30.0)
    assert failure(found) == "not_installed"


FAKE_JTOP = """
import datetime, sys, time
__version__ = "7.2.2"
class JtopException(Exception): pass
class Named:
    name, status = "MAXN", "running"
class jtop:
    def __init__(self, interval): self.samples = 0
    def start(self):
        {start}
    def ok(self):
        self.samples += 1
        return {ok}
    gpu = {{"gpu": {{"freq": {{"cur": 1300500, "min": 1300500, "max": 1300500}}}}}}
    memory = {{"EMC": {{"cur": 3199000, "max": 3199000}}}}
    nvpmodel = jetson_clocks = Named
    @property
    def uptime(self):
        up = float(open("/proc/uptime").read().split()[0])
        return datetime.timedelta(seconds=up - {late})
"""


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, None),
        ({"late": "(17.4 if self.samples == 1 else -0.01)"}, None),  # the leftover of an earlier session first
        ({"late": "17.4"}, "stale"),
        ({"ok": "False"}, "died"),
        ({"start": "raise EOFError"}, "died"),
        ({"start": "raise BrokenPipeError"}, "died"),
        ({"start": "time.sleep(60)"}, "no_answer"),
        ({"start": "sys.exit('x')"}, "failed"),
        ({"start": "raise JtopException('The jtop.service is not active. Please run:\\\\n sudo')"}, "absent"),
        ({"start": 'raise JtopException("I can\'t access jtop.service.\\\\nPlease logout")'}, "not_permitted"),
        ({"start": "raise JtopException('Mismatch version jtop service: [4.3.2] and client: [7.2.2]')"}, "version"),
        ({"start": "raise JtopException('Lost connection with jtop server')"}, "died"),
        ({"start": "raise ValueError"}, "failed"),
    ],
)
def test_the_child_with_each_jtop(tmp_path: Path, changes: dict[str, str], name: str | None) -> None:
    """The child program with a module in the place of jtop, which behaves as the real one was seen to."""
    parts = {"start": "pass", "ok": "True", "late": "-0.01", **changes}
    (tmp_path / "jtop.py").write_text(FAKE_JTOP.format(**parts), encoding="utf-8")
    (tmp_path / "python").write_text(
        f'#!/bin/sh\nshift\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n', encoding="utf-8"
    )
    (tmp_path / "python").chmod(0o755)
    found = jtop_witness.witness(str(tmp_path / "python"), limit_s=2.0 if name == "no_answer" else 30.0)
    if name is None:
        assert isinstance(found, JtopView), found
        assert (found.gpu_max_hz, found.emc_max_hz) == (1_300_500_000, 3_199_000_000)
    else:
        assert failure(found) == name


def test_the_child_program_is_python_3_8() -> None:
    """No syntax that an older board's interpreter does not know."""
    import ast

    for module in (jtop_child,):
        ast.parse(Path(module.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


# --- what the verdict makes of it ---------------------------------------------------------------------------------

VIEW = JtopView(**GOOD, age_s=0.2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mode_name": "MODE_30W"}, ["MODE_30W", "MAXN"]),
        ({"gpu_max_hz": 612_000_000}, ["612 MHz", "1300.5 MHz"]),
        ({"gpu_min_hz": 306_000_000}, ["306 MHz", "1300.5 MHz"]),
        ({"clocks": "inactive"}, ["jetson_clocks inactive", "GPU and CPUs are locked"]),
    ],
)
def test_two_sources_that_disagree(locked: Board, changes: dict[str, Any], says: list[str]) -> None:
    verdict = judge(replace(look(locked), jtop=replace(VIEW, **changes)))
    assert verdict.state == "rejected"
    assert all(word in verdict.reasons[0].text for word in says), verdict.reasons


def test_jtop_agrees(locked: Board) -> None:
    assert judge(replace(look(locked), jtop=VIEW)) == judge(look(locked))
    nothing = JtopView("7.2.2", None, None, None, None, None, None, None, 0.1)
    assert judge(replace(look(locked), jtop=nothing)) == judge(look(locked))


def test_jtop_absent_is_a_note(locked: Board) -> None:
    absent = JtopFailure("absent", "The jtop.service is not active.")
    verdict = judge(replace(look(locked), jtop=absent))
    assert (verdict.state, verdict.notes) == ("trusted", ("jtop: The jtop.service is not active. (absent)",))


def test_the_known_false_alarms_of_jtop_are_notes(locked: Board) -> None:
    inactive = replace(VIEW, clocks="inactive")
    write(locked.emc / "rate", 2_133_000_000)
    verdict = judge(replace(look(locked), jtop=inactive))
    assert verdict.state == "trusted"
    assert any("the memory clock is not locked" in note for note in verdict.notes)
    seen_by_jtop_alone = replace(inactive, emc_cur_hz=2_133_000_000)
    assert judge(replace(look(locked), emc=None, jtop=seen_by_jtop_alone)).state == "trusted"
    write(locked.emc / "rate", 3_199_000_000)
    write(locked.gpu / "governor", "performance")
    assert judge(replace(look(locked), jtop=inactive)).state == "trusted"


# --- NVML, by the same way ----------------------------------------------------------------------------------------


def test_nvml_answers(python: Callable[[str], str]) -> None:
    gpu = {"name": "NVIDIA H200", "clock_mhz": 345, "max_mhz": 1980, "temp_c": 31, "slowdown_c": 87, "slowdowns": []}
    found = nvml.ask_child([python(f"echo '{json.dumps({'gpus': [gpu]})}'")], 10.0)
    assert found is not None
    assert (found[0].name, found[0].max_hz, found[0].temp_c, found[0].slowdowns) == (
        "NVIDIA H200",
        1_980_000_000,
        31.0,
        (),
    )


@pytest.mark.parametrize(
    "script", ["echo '{}'", "echo '{\"gpus\": null}'", "echo '{\"gpus\": 5}'", "exit 1", "echo '{\"gpus\": [3]}'"]
)
def test_nvml_that_does_not(python: Callable[[str], str], script: str) -> None:
    assert nvml.ask_child([python(script)], 10.0) is None


def test_nvml_with_odd_values(python: Callable[[str], str]) -> None:
    found = nvml.ask_child(
        [python("""echo '{"gpus": [{"clock_mhz": -1, "temp_c": "hot", "slowdowns": "no"}]}'""")], 10.0
    )
    assert found is not None
    assert (found[0].clock_hz, found[0].temp_c, found[0].slowdowns) == (None, None, None)


@pytest.mark.skipif(os.path.exists("/proc/driver/nvidia/version"), reason="this machine has an NVIDIA driver")  # noqa: PTH110
def test_the_nvml_child_without_a_driver() -> None:
    assert nvml.read() is None
    child = Path(nvml.__file__).with_name("nvml_child.py")
    run = subprocess.run([sys.executable, "-I", str(child)], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(run.stdout) == {"gpus": None}
