"""The real engine behind the real daemon, from the command line to the WAV."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ishowtts import ipc
from tests.daemon import Daemon, Wire, wait_for


def settings(configure: ipc.Configure, **changes: Any) -> dict[str, Any]:
    keys = ("model_config", "checkpoint", "vocab", "vocoder", "device")
    engine = {"kind": "native", **{key: getattr(configure, key) for key in keys}, **changes}
    return {"engine": engine, "voices": {"folder": "demo:voices", "default": "slt", "clips": {}}}


@pytest.fixture
def real(start: Callable[..., Daemon], configure: ipc.Configure) -> Daemon:
    return start(settings(configure)).wait_ready()


def test_from_the_command_line_to_the_wav(real: Daemon) -> None:
    for name in "ab":
        said = real.ctl("say", "Hello world, this is a test. " * 5, "--seed", "4", "-o", f"{name}.wav")
        assert said.returncode == 0, said.stderr
    assert (real.folder / "a.wav").read_bytes() == (real.folder / "b.wav").read_bytes()
    with wave.open(str(real.folder / "a.wav")) as file:
        assert file.getnframes() / file.getframerate() > 8
    status = json.loads(real.ctl("status", "--json").stdout)
    assert status["engine"]["model"] == "iShowTTS-demo"
    assert status["versions"]["torch"]


def test_chinese_on_an_english_model_is_refused_at_once(real: Daemon) -> None:
    said = real.ctl("say", "你好")
    assert said.returncode == 4
    assert said.stderr == "ishowctl: the loaded model cannot speak 2 characters of this text: 你 好.\n"
    assert "request.accepted" not in real.log


def test_a_cancelled_request_stops_between_two_steps(real: Daemon, connect: Callable[..., Wire]) -> None:
    wire = connect(real)
    id = wire.send("synth", text="hello " * 20, nfe=128, timeout_ms=600_000)
    wire.until("started", id=id)
    wire.send("cancel", id=id)
    assert wire.finish(id)["reason"] == "BY_CLIENT"

    def idle() -> bool:
        wire.send("status")
        return wire.until("status")[-1]["status"]["queue"]["speaking"] is False

    wait_for(idle, "the engine to be free", patience_s=10)


def test_missing_weights_are_a_state_not_a_crash(
    start: Callable[..., Daemon], configure: ipc.Configure, tmp_path: Path
) -> None:
    daemon = start(settings(configure, checkpoint=str(tmp_path / "nothing.safetensors")))
    daemon.wait_log("engine.setup_required")
    said = daemon.ctl("say", "hello")
    assert (said.returncode, said.stderr.split(" is not there")[0]) == (4, f"ishowctl: {tmp_path}/nothing.safetensors")
    assert "nothing.safetensors is not there" in daemon.ctl("status").stdout
    assert daemon.process.poll() is None
