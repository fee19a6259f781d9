"""`ishowctl samples` against a daemon that speaks as PROTOCOL.md says: the kit it leaves, and when it leaves none."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ishowctl import level
from tests.ctl.other import OtherDaemon, frames
from tests.ctl.tuning_daemon import RATE, TEXTS, Tuning, status

Other = Callable[..., OtherDaemon]


def pcm_of(path: Path) -> array[int]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return array("h", file.readframes(file.getnframes()))


def test_the_kit_holds_each_text_by_each_candidate(other: Other, tmp_path: Path) -> None:
    tuning = Tuning(status(), [], [])
    run = other(tuning).ctl("samples", "kit")
    assert (run.returncode, run.stdout, run.stderr) == (
        0, "kit/index.html: 6 samples, 4 comparisons. Open it in a browser.\n", "",
    )  # fmt: skip
    kit = json.loads((tmp_path / "kit" / "kit.json").read_text(encoding="utf-8"))
    assert [(each["text"], each["nfe"]) for each in kit["samples"]] == [(t, n) for t in ("t1", "t2") for n in (6, 7, 8)]
    assert kit["texts"] == {"t1": TEXTS[0], "t2": TEXTS[1]}
    assert [each["schedule"] for each in kit["candidates"]] == ["epss-6", "epss-7", "own-8"], "5 is vetoed"
    assert (kit["voice"], kit["seed"], kit["workload"], kit["model"]) == ("english", 1234, "9f8e7d6c", "F5TTS_v1_Base")
    for each in kit["samples"]:
        wav = tmp_path / "kit" / each["file"]
        assert hashlib.sha256(wav.read_bytes()).hexdigest() == each["sha256"]
        assert level.active_dbfs(pcm_of(wav), RATE) == pytest.approx(kit["level_dbfs"], abs=0.05)
    asked = [(each["text"], each["nfe"], each["seed"], each["voice"]) for each in tuning.of("synth")]
    assert asked == [(text, nfe, 1234, "english") for text in TEXTS for nfe in (6, 7, 8)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kit", "tts.sock"], "nothing is left beside it"


def test_candidates_that_sound_the_same_to_the_byte_are_not_compared(other: Other, tmp_path: Path) -> None:
    assert other(Tuning(status(), [], [])).ctl("samples", "kit", "--nfe", "7,8,6,7").returncode == 0
    kit = json.loads((tmp_path / "kit" / "kit.json").read_text(encoding="utf-8"))
    compared = [sorted(pair) for pair in kit["pairs"]]
    assert compared == [sorted([f"{t}-nfe6.wav", f"{t}-nfe{n}.wav"]) for t in ("t1", "t2") for n in (7, 8)]


def test_own_texts_and_an_empty_folder_that_is_there(other: Other, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("One.\n\n  Two, with <b>.  \n", encoding="utf-8")
    (tmp_path / "kit").mkdir()
    assert other(Tuning(status(), [], [])).ctl("samples", "kit", "--texts", "texts").returncode == 0
    kit = json.loads((tmp_path / "kit" / "kit.json").read_text(encoding="utf-8"))
    assert kit["texts"] == {"t1": "One.", "t2": "Two, with <b>."}


def test_the_same_speech_is_the_same_kit(other: Other, tmp_path: Path) -> None:
    daemon = other(Tuning(status(), [], []))
    names = []
    for folder, nfes in (("a", "6,7"), ("b", "6,7"), ("c", "6,5")):
        assert daemon.ctl("samples", folder, "--nfe", nfes).returncode == 0
        names.append(json.loads((tmp_path / folder / "kit.json").read_text(encoding="utf-8"))["kit"])
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("args", "state", "code", "says"),
    [
        (["full"], status(), 2, "full: is not empty"),
        (["tts.sock"], status(), 2, "is there and is no folder"),
        (["nowhere/kit"], status(), 6, "there is no such folder"),
        (["kit", "--nfe", "7"], status(), 4, "a comparison needs two candidates, there is [7]"),
        (["kit", "--nfe", "7,x"], status(), 2, "--nfe"),
        (["kit", "--texts", "none"], status(), 2, "No such file"),
        (["kit", "--texts", "full/empty"], status(), 2, "holds no text"),
        (["kit", "--texts", "latin"], status(), 2, "not valid UTF-8"),
        (["kit"], {"state": "ready"}, 4, "The daemon is older than this ishowctl"),
        (["kit"], status(candidates=[]), 4, "there is none: name them, such as --nfe 6,7,8"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    other: Other, tmp_path: Path, args: list[str], state: dict[str, Any], code: int, says: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "empty").touch()
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    run = other(Tuning(state, [], [])).ctl("samples", *args)
    assert (run.returncode, says in run.stderr) == (code, True), run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "kit").exists()


def test_a_failure_in_the_middle_leaves_nothing(other: Other, tmp_path: Path) -> None:
    tuning = Tuning(status(), [], [])

    def answer(request: dict[str, Any]) -> list[list[bytes]]:
        if request.get("nfe") == 8:
            return [frames(op="error", id=request["id"], code="INTERNAL", reason="ENGINE", msg="the engine failed.")]
        return tuning(request)

    run = other(answer).ctl("samples", "kit")
    assert (run.returncode, run.stderr) == (6, "ishowctl: the engine failed.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["tts.sock"]


def test_an_interrupt_stops_the_sample_on_the_daemon_too(other: Other, tmp_path: Path) -> None:
    tuning, client = Tuning(status(), [], []), []

    def answer(request: dict[str, Any]) -> list[list[bytes]]:
        if request.get("nfe") == 7:
            tuning.asked.append(request)
            client[0].send_signal(signal.SIGINT)
            return []  # never finished
        if request["op"] == "cancel":
            tuning.asked.append(request)
            return [frames(op="ok", id=request["rid"])]
        return tuning(request)

    daemon = other(answer)
    command = [sys.executable, "-m", "ishowctl", "samples", "kit", "--endpoint", str(daemon.path)]
    client.append(subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
    _, said = client[0].communicate(timeout=30)
    assert (client[0].returncode, said) == (130, b"")
    assert tuning.of("cancel")[0]["id"] == tuning.of("synth")[-1]["id"]
    assert [path.name for path in tmp_path.iterdir()] == ["tts.sock"]
