"""ishowctl as a person and a script use it, against a real daemon."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon import Daemon, Wire

CTL = [sys.executable, "-m", "ishowctl"]


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        return file.getnframes() / 24000


def test_say_writes_a_whole_wav_and_is_quiet(daemon: Daemon) -> None:
    said = daemon.ctl("say", "Hello there.", "-o", "out.wav")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert seconds_of(daemon.folder / "out.wav") == pytest.approx(12 * 0.06, abs=0.01)
    assert not list(daemon.folder.glob(".*.part"))


def test_say_without_o_writes_speech_wav(daemon: Daemon) -> None:
    assert daemon.ctl("say", "Hello", "there.").returncode == 0
    assert seconds_of(daemon.folder / "speech.wav") > 0.5


def test_say_takes_text_from_file_and_standard_input(daemon: Daemon) -> None:
    (daemon.folder / "text.txt").write_text("From a file.\nWith two lines.\n", encoding="utf-8")
    assert daemon.ctl("say", "--file", "text.txt", "-o", "file.wav").returncode == 0
    assert daemon.ctl("say", "-o", "pipe.wav", input="From a pipe.").returncode == 0
    assert seconds_of(daemon.folder / "file.wav") > seconds_of(daemon.folder / "pipe.wav") > 0.5


def test_say_writes_flac(daemon: Daemon) -> None:
    assert daemon.ctl("say", "Hello", "-o", "out.flac").returncode == 0
    assert (daemon.folder / "out.flac").read_bytes()[:4] == b"fLaC"


def test_say_to_standard_output_is_a_wav(daemon: Daemon) -> None:
    said = daemon.ctl("say", "Hello there.", "-o", "-", text=False)
    assert said.stdout[:4] == b"RIFF"
    assert len(said.stdout) == 44 + 2 * int(12 * 0.06 * 24000)


def test_the_same_seed_gives_the_same_file(daemon: Daemon) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert daemon.ctl("say", "Hello", "--seed", seed, "-o", f"{name}.wav").returncode == 0
    a, b, c = ((daemon.folder / f"{name}.wav").read_bytes() for name in "abc")
    assert a == b != c


def test_a_long_text_arrives_whole(daemon: Daemon) -> None:
    text = "This is one sentence of a long story, told to the end. " * 60
    assert daemon.ctl("say", "-o", "long.wav", input=text).returncode == 0
    chunks = re.findall(r"request.started .* chunks=(\d+)", daemon.log)
    expected = sum(1 for _ in text.strip()) * 0.06
    assert seconds_of(daemon.folder / "long.wav") == pytest.approx(expected, abs=0.3 * int(chunks[-1]))


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["say", ""], 4, "nothing to speak"),
        (["say", "..."], 4, "nothing to speak"),
        (["say", "x" * 20_001], 4, "20001 characters"),
        (["say", "a\x07b"], 4, "control character (U+0007 at 1)"),
        (["say", "hello", "--voice", "nobody"], 4, "there is no voice 'nobody'; this daemon has english."),
        (["say", "{error}"], 6, "the engine failed"),
        (["say", "{nan}"], 6, "NaN"),
        (["say", "{silence}"], 6, "silence"),
        (["say", "hi", "-o", "x.mp3"], 2, ".wav or .flac"),
        (["say", "hi", "-o", "/nowhere/x.wav"], 6, "no such folder"),
        (["say", "hi", "--file", "/nowhere.txt"], 2, "not both"),
        (["say", "--file", "/nowhere.txt"], 2, "No such file"),
        (["say", "hi", "--speed", "9"], 2, "'9' is no number from 0.25 to 4"),
        (["say", "hi", "--speed", "x"], 2, "--speed"),
        (["say", "hi", "--nfe", "0"], 2, "--nfe"),
        (["nonsense"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
    ],
)
def test_refusals_are_one_sentence_with_the_right_status(
    daemon: Daemon, args: list[str], status: int, says: str
) -> None:
    run = daemon.ctl(*args)
    assert run.returncode == status, run.stderr
    assert says in run.stderr
    assert "Traceback" not in run.stderr
    assert "usage:" in run.stderr or run.stderr.count("\n") == 1
    assert not list(daemon.folder.glob("*.wav"))


def test_text_that_is_not_utf8_is_refused(daemon: Daemon) -> None:
    run = daemon.ctl("say", input=b"caf\xe9", text=False)
    assert (run.returncode, run.stderr) == (4, b"ishowctl: the text is not valid UTF-8: convert it first.\n")
    assert daemon.ctl("say", b"caf\xe9").returncode == 4  # type: ignore[arg-type]


def test_a_text_beyond_any_message_is_refused_here(daemon: Daemon) -> None:
    run = daemon.ctl("say", input="x" * 2_000_000)
    assert run.returncode == 4
    assert "too long" in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_cancels_on_the_daemon_too(start: Callable[..., Daemon], number: int) -> None:
    daemon = start({"engine": {"fake_rtf": 20}}).wait_ready()
    command = [*CTL, "say", "hello world", "-o", "never.wav", "--endpoint", daemon.endpoint]
    client = subprocess.Popen(command, cwd=daemon.folder, stderr=subprocess.PIPE)
    daemon.wait_log("request.started")
    client.send_signal(number)
    _, said = client.communicate(timeout=10)
    assert (client.returncode, said) == (130, b"")
    daemon.wait_log("outcome=BY_CLIENT")
    assert not list(daemon.folder.glob("*.wav*"))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["say hi -o x.wav", "say hi -o -", "status", "status --json"])
def test_closed_streams_are_no_traceback(daemon: Daemon, command: str, closed: str) -> None:
    shell = f"{sys.executable} -m ishowctl --endpoint {daemon.endpoint} {command} {closed}"
    run = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, timeout=30, cwd=daemon.folder)
    assert b"Traceback" not in run.stderr, run.stderr
    assert run.returncode in (0, 2, 6)


def test_targets_that_cannot_take_a_file(daemon: Daemon) -> None:
    os.mkfifo(daemon.folder / "pipe.wav")
    (daemon.folder / "folder.wav").mkdir()
    (daemon.folder / "real.wav").write_bytes(b"old")
    (daemon.folder / "link.wav").symlink_to("real.wav")
    for name in ("pipe.wav", "folder.wav", "x" * 300 + ".wav"):
        run = daemon.ctl("say", "hi", "-o", name)
        assert (run.returncode, "Traceback" in run.stderr) == (6, False), run.stderr
    assert daemon.ctl("say", "hi", "-o", "link.wav").returncode == 0
    assert (daemon.folder / "link.wav").is_symlink()
    assert seconds_of(daemon.folder / "real.wav") > 0.1


def test_a_frozen_daemon_is_said(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        run = daemon.ctl("ping")
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    assert run.returncode == 3
    assert "stopped or overloaded" in run.stderr or "did not answer" in run.stderr


def test_play_feeds_the_player_that_is_there(daemon: Daemon, tmp_path: Path) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    player = bin / "aplay"
    player.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\ncat > {tmp_path}/heard\n', encoding="utf-8")
    player.chmod(0o755)
    env = {**os.environ, "PATH": f"{bin}:/usr/bin:/bin", "ISHOWTTS_ENDPOINT": daemon.endpoint}
    run = subprocess.run([*CTL, "say", "--play", "Hello there."], env=env, capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "args").read_text(encoding="utf-8") == "-q -t raw -f S16_LE -r 24000 -c 1\n"
    assert len((tmp_path / "heard").read_bytes()) == 2 * int(12 * 0.06 * 24000)
    nothing = {**env, "PATH": str(tmp_path)}
    run = subprocess.run([*CTL, "say", "--play", "x"], env=nothing, capture_output=True, timeout=30)
    assert (run.returncode, b"no player found" in run.stderr) == (6, True)


def test_status_for_a_person_and_for_a_program(daemon: Daemon) -> None:
    daemon.ctl("say", "Hello")
    screen = daemon.ctl("status").stdout
    assert screen.startswith("● ready: ishowttsd ")
    assert "7 (epss-7)" in screen
    status = json.loads(daemon.ctl("status", "--json").stdout)
    assert status["pid"] == daemon.process.pid
    assert status["versions"]["client"] == status["versions"]["daemon"]
    assert {"state", "queue", "nfe", "schedule", "rtf"} <= set(status)
    assert status["rtf"]["median"] > 0


def test_status_watch_goes_on_until_interrupted(daemon: Daemon) -> None:
    command = [*CTL, "status", "--watch", "--endpoint", daemon.endpoint]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    heads = [line for _, line in zip(range(20), client.stdout, strict=False) if line.startswith("● ready")]
    client.send_signal(signal.SIGINT)
    assert client.wait(10) == 130
    client.stdout.close()
    assert len(heads) >= 2


def test_voices(daemon: Daemon) -> None:
    assert json.loads(daemon.ctl("voices", "--json").stdout)["voices"][0]["name"] == "english"
    assert "Some call me nature" in daemon.ctl("voices").stdout


def test_ping_and_wait_ready(daemon: Daemon) -> None:
    assert daemon.ctl("ping").stdout.startswith("pong in ")
    assert daemon.ctl("wait-ready").returncode == 0


def test_drain_is_for_the_admin_socket(daemon: Daemon, wire: Wire) -> None:
    wire.send("drain")
    assert wire.receive()["reason"] == "ADMIN_ONLY"
    assert daemon.ctl("drain").returncode == 0
    assert daemon.process.wait(20) == 0


def test_no_daemon(tmp_path: Path) -> None:
    run = subprocess.run([*CTL, "status", "--endpoint", str(tmp_path / "tts.sock")], capture_output=True, text=True)
    assert run.returncode == 3
    assert run.stderr.startswith(f"ishowctl: no daemon at {tmp_path}/tts.sock: start it with ")


def test_the_endpoint_may_stand_before_and_after_the_command(daemon: Daemon) -> None:
    for args in (["--endpoint", daemon.endpoint, "ping"], ["ping", "--endpoint", str(daemon.runtime / "tts.sock")]):
        env = {**os.environ, "ISHOWTTS_ENDPOINT": "/nowhere"}
        assert subprocess.run([*CTL, *args], env=env, capture_output=True, timeout=30).returncode == 0


def test_a_dead_daemons_socket(daemon: Daemon) -> None:
    daemon.process.kill()
    daemon.process.wait()
    run = daemon.ctl("say", "hello")
    assert run.returncode == 3
    assert "nobody listens at" in run.stderr


def test_the_daemon_dies_while_speaking(start: Callable[..., Daemon]) -> None:
    daemon = start({"engine": {"fake_rtf": 20}}).wait_ready()
    command = [*CTL, "say", "hello world", "-o", "x.wav", "--endpoint", daemon.endpoint]
    client = subprocess.Popen(command, cwd=daemon.folder, stderr=subprocess.PIPE, text=True)
    daemon.wait_log("request.started")
    daemon.process.kill()
    _, stderr = client.communicate(timeout=10)
    assert client.returncode == 3
    assert "went away" in stderr
    assert not list(daemon.folder.glob("*.wav*"))


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_a_stranger_is_told_which_group_to_join(daemon: Daemon) -> None:
    daemon.let_strangers_near()
    code = (
        "import os, sys; from ishowctl.client import Client, Unreachable; os.setgid(65534); os.setuid(65534)\n"
        "try: Client(sys.argv[1])\n"
        "except Unreachable as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code, daemon.endpoint], capture_output=True, text=True, timeout=30)
    assert "join its group with `sudo usermod -aG ishowtts $USER`" in run.stdout, run.stderr


@pytest.mark.parametrize(
    "command", ["say", "status", "voices", "ping", "wait-ready", "drain", "reload", "restart-engine", "doctor", ""]
)
def test_help_has_examples_and_exit_statuses(command: str) -> None:
    run = subprocess.run([*CTL, *filter(None, [command]), "--help"], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0
    assert "examples:" in run.stdout
    assert "exit status:" in run.stdout
